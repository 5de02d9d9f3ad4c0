"""How far the reference's stage I and its correction spread over starts of k-means and fillings of images.

PSQE.md's figures rest on one start (random_state=0). This does the same with numpy and scikit-learn for the
starts given, on inputs/zh_en with visual_sim.npy: fuse .8/.1/.1, k-means k=4, sample 1,000 by quotas on names
and relations, drop the rows whose own similarity is not the largest.

usage: stage_one_spread.py INPUTS_FOLDER START [START ...]
"""
import sys
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans

folder = Path(sys.argv[1])
load = lambda name: np.load(folder / name)
visual, there = load("visual_sim.npy").astype(np.float32), load("has_image.npy").astype(bool)
name, relation = load("name_minilm.npy").astype(np.float32), load("rel_text.npy").astype(np.float32)
lefts, rights = load("left_ids.npy"), load("right_ids.npy")
links = set(map(tuple, load("pairs.npy").tolist()))
both = np.concatenate([lefts, rights])


def unit(x):
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


for start in map(int, sys.argv[2:]):
    rng = np.random.RandomState(42 + start)
    known, filled = visual[there], visual.copy()
    filled[~there] = rng.normal(known.mean(0), known.std(0), ((~there).sum(), visual.shape[1]))
    fused = np.concatenate([0.8 * filled, 0.1 * unit(name), 0.1 * unit(relation)], 1)
    labels = np.empty(len(fused), int)
    labels[both] = KMeans(4, random_state=start).fit(fused[both]).labels_
    used, seeds = set(), []
    for cluster in range(4):
        l, r = lefts[labels[lefts] == cluster], rights[labels[rights] == cluster]
        quota = 1000 * (len(l) + len(r)) // len(both)
        scores = (name[l] @ name[r].T + relation[l] @ relation[r].T).ravel()
        best = np.argpartition(-scores, 100 * quota)[: 100 * quota]
        found = 0
        for cell in best[np.argsort(-scores[best], kind="stable")]:
            pair = int(l[cell // len(r)]), int(r[cell % len(r)])
            if found < quota and not used.intersection(pair):
                used.update(pair)
                seeds.append(pair)
                found += 1
    right = np.array([pair in links for pair in seeds])
    i, j = np.array(seeds).T
    scores = 0.8 * filled[i] @ filled[j].T + 0.1 * name[i] @ name[j].T + 0.1 * relation[i] @ relation[j].T
    kept = scores.diagonal() >= scores.max(1)
    print(f"start {start}: {len(seeds)} seeds, {right.sum()} right; {kept.sum()} kept, {(kept & right).sum()} right")
