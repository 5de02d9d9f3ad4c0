"""The yardsticks of the benches: numpy's product, scikit-learn's k-means, stage I with both, plain parsing.

usage: yardstick.py search ROWS COLUMNS TIMES | kmeans FILE ROWS TIMES | import DATA | cluster DATA
Run by run.sh.
"""

import json
import os

import sys
import time

import numpy as np


def search(rows, cols, times):
    rng = np.random.default_rng(0)
    left = rng.standard_normal((rows, cols), dtype=np.float32)
    right = rng.standard_normal((rows, cols), dtype=np.float32)
    for _ in range(times):
        start = time.perf_counter()
        product = left @ right.T
        seconds = time.perf_counter() - start
        del product
        print(f"yardstick seconds={seconds:.3f} gflops={2e-9 * rows * rows * cols / seconds:.1f}", flush=True)


def kmeans(path, rows, times):
    from sklearn.cluster import KMeans

    data = np.fromfile(path, dtype=np.float32).reshape(rows, -1)
    for _ in range(times):
        start = time.perf_counter()
        found = KMeans(n_clusters=4, random_state=0).fit(data)
        seconds = time.perf_counter() - start
        print(f"yardstick seconds={seconds:.3f} inertia={found.inertia_:.6e} iterations={found.n_iter_}", flush=True)


def parse(data):
    """Reads what IMPORT dbp15k reads, into lists and dictionaries, and keeps nothing on disk."""
    start = time.perf_counter()
    folder = os.path.join(data, "dbp15k", "zh_en")
    kept = []
    for name in ["ent_ids_1", "ent_ids_2", "rel_ids_1", "rel_ids_2"]:
        with open(os.path.join(folder, name), encoding="utf-8") as lines:
            kept.append({int(i): iri for i, iri in (line.rstrip("\n").split("\t") for line in lines)})
    for name in ["triples_1", "triples_2", "ill_ent_ids"]:
        with open(os.path.join(folder, name), encoding="utf-8") as lines:
            kept.append([tuple(map(int, line.split("\t"))) for line in lines])
    with open(os.path.join(data, "dbp15k", "translated_ent_name", "dbp_zh_en.json"), encoding="utf-8") as names:
        kept.append({i: " ".join(tokens) for i, tokens in json.load(names)})
    print(f"yardstick seconds={time.perf_counter() - start:.3f}", flush=True)


def cluster(data, count=1000, k=4):
    """Stage I as PSQE describes it: fuse, cluster, pair one to one within the clusters."""
    from sklearn.cluster import KMeans

    inputs = os.path.join(data, "inputs", "zh_en")
    load = lambda name: np.load(os.path.join(inputs, name))
    visual, names, relations = (load(f).astype(np.float32) for f in ["visual_sim.npy", "name_minilm.npy", "rel_text.npy"])
    known, left, right = load("has_image.npy"), load("left_ids.npy"), load("right_ids.npy")

    start = time.perf_counter()
    rng = np.random.default_rng(42)
    mean, std = visual[known].mean(0), visual[known].std(0)
    visual = np.where(known[:, None], visual, rng.normal(mean, std, visual.shape).astype(np.float32))
    unit = lambda x: x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    fused = np.hstack([0.8 * visual, 0.1 * unit(names), 0.1 * unit(relations)]).astype(np.float32)
    order = np.concatenate([left, right])
    labels = KMeans(n_clusters=k, random_state=0).fit_predict(fused[order])
    seeds = []
    for c in range(k):
        rows = left[labels[: len(left)] == c]
        columns = right[labels[len(left) :] == c]
        quota = count * (len(rows) + len(columns)) // len(order)
        similarity = unit(fused[rows]) @ unit(fused[columns]).T
        best = np.argpartition(-similarity.ravel(), min(100 * quota, similarity.size - 1))[: 100 * quota]
        best = best[np.argsort(-similarity.ravel()[best])]
        used_rows, used_columns, taken = set(), set(), 0
        for i, j in zip(*np.unravel_index(best, similarity.shape)):
            if taken == quota:
                break
            if i not in used_rows and j not in used_columns:
                used_rows.add(i)
                used_columns.add(j)
                seeds.append((rows[i], columns[j]))
                taken += 1
    print(f"yardstick seconds={time.perf_counter() - start:.3f} seeds={len(seeds)}", flush=True)


if __name__ == "__main__":
    bench, arguments = sys.argv[1], sys.argv[2:]
    if bench == "search":
        search(*map(int, arguments))
    elif bench == "kmeans":
        kmeans(arguments[0], *map(int, arguments[1:]))
    elif bench == "import":
        parse(*arguments)
    else:
        cluster(*arguments)
