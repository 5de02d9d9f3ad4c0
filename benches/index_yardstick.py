"""The yardstick of the index: hnswlib on the same rows, M 16 and ef_construction 128 as our defaults.

usage: index_yardstick.py FOLDER NAME COLUMNS THREADS
FOLDER holds `left` and `right`, rows as 32-bit floats. Run by run.sh.
"""

import os
import sys
import time

import hnswlib
import numpy as np

QUERIES = 200


def unit(path, cols):
    rows = np.fromfile(path, dtype=np.float32).reshape(-1, cols)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def best(queries, rows, wanted):
    """The scores of the tenth best of the wanted rows."""
    scores = queries @ rows[wanted].T
    return np.partition(scores, -10, axis=1)[:, -10]


def main(folder, name, cols, threads):
    left, right = (unit(os.path.join(folder, side), cols) for side in ("left", "right"))
    rows = len(right)
    index = hnswlib.Index("ip", cols)
    index.init_index(rows, M=16, ef_construction=128, random_seed=1)
    index.set_num_threads(threads)
    start = time.perf_counter()
    index.add_items(right)
    print(f"yardstick what={name}.build seconds={time.perf_counter() - start:.2f}", flush=True)
    queries = left[np.arange(QUERIES) * rows // QUERIES]
    tenth = best(queries, right, np.arange(rows))
    index.set_num_threads(1)
    for asked in (0.95, 0.98):
        ef = 16
        while ef <= 4096:
            index.set_ef(ef)
            times, hits = [], 0
            for query, least in zip(queries, tenth):
                start = time.perf_counter()
                found, _ = index.knn_query(query, k=10)
                times.append(time.perf_counter() - start)
                # The two products round differently: a hair below the tenth is the tenth.
                hits += int((right[found[0]] @ query >= least - 1e-6).sum())
            recall = hits / (10 * QUERIES)
            if recall >= asked:
                what = f"{name}.query{round(asked * 100)}"
                print(f"yardstick what={what} seconds={np.median(times):.6f} recall={recall:.4f} ef={ef}", flush=True)
                break
            ef *= 2


main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
