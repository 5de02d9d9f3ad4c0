"""The yardsticks of the benches: numpy's product, scikit-learn's k-means. Run by run.sh.

usage: yardstick.py search ROWS COLUMNS TIMES | yardstick.py kmeans FILE ROWS TIMES
"""

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


if __name__ == "__main__":
    if sys.argv[1] == "search":
        search(*map(int, sys.argv[2:5]))
    else:
        kmeans(sys.argv[2], *map(int, sys.argv[3:5]))
