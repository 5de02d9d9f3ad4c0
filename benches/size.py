"""Time and peak memory of a pair from its files to exported links, and how they grow with it.

The pair is made up: nine tenths of the entities have a counterpart, five triples an entity of which a tenth
differs, features 300 wide in clusters of two hundred, a tenth of the rows missing. Its files are written as
DBP15K has them; every statement runs in a process of its own, whose peak memory counts mapped files as well.

    PYTHON=… benches/run.sh size [ENTITIES …]
"""

import csv
import io
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np

COLUMNS, CLUSTER, DEGREE, RELATIONS = 300, 200, 5, 200


def write(folder, entities):
    """The files of a pair with so many entities a side."""
    dice = np.random.default_rng(7)
    shared = entities * 9 // 10
    # Where an entity of the left side stands on the right.
    moved = dice.permutation(entities)
    heads = dice.integers(entities, size=entities * DEGREE)
    tails = (entities * dice.random(entities * DEGREE) ** 2).astype(np.int64)
    kinds = dice.integers(RELATIONS, size=entities * DEGREE)
    noisy = dice.random(entities * DEGREE) < 0.1
    others = np.where(noisy, dice.integers(entities, size=entities * DEGREE), tails)
    for side, ends in ((1, (heads, tails)), (2, (moved[heads] + entities, moved[others] + entities))):
        with open(f"{folder}/triples_{side}", "w") as file:
            for start in range(0, len(kinds), 1_000_000):
                part = slice(start, start + 1_000_000)
                rows = zip(ends[0][part].tolist(), kinds[part].tolist(), ends[1][part].tolist())
                file.writelines(f"{head}\t{kind}\t{tail}\n" for head, kind, tail in rows)
        first = (side - 1) * entities
        with open(f"{folder}/ent_ids_{side}", "w") as file:
            file.writelines(f"{first + i}\thttp://side{side}.example.org/entity/{i:x}\n" for i in range(entities))
        with open(f"{folder}/rel_ids_{side}", "w") as file:
            file.writelines(f"{kind}\thttp://side{side}.example.org/property/{kind}\n" for kind in range(RELATIONS))
    with open(f"{folder}/ref_ent_ids", "w") as file:
        file.writelines(f"{i}\t{entities + moved[i]}\n" for i in range(shared))
    rows = np.lib.format.open_memmap(
        f"{folder}/features.npy", mode="w+", dtype=np.float32, shape=(2 * entities, COLUMNS))
    centres = dice.standard_normal((max(entities // CLUSTER, 1), COLUMNS), dtype=np.float32)
    for start in range(0, entities, 20_000):
        ids = np.arange(start, min(start + 20_000, entities))
        normal = lambda: dice.standard_normal((len(ids), COLUMNS), dtype=np.float32)
        own = centres[dice.integers(len(centres), size=len(ids))] + normal()
        rows[ids] = own + 0.8 * normal()
        # The last tenth of either side has no counterpart.
        other = np.where((ids < shared)[:, None], own, centres[dice.integers(len(centres), size=len(ids))] + normal())
        rows[entities + moved[ids]] = other + 0.8 * normal()
    rows.flush()
    np.save(f"{folder}/present.npy", dice.random(2 * entities) > 0.1)


def run(seedbed, store, statement):
    """Runs a statement in a process of its own: rows, notes, seconds and peak memory in MiB."""
    begun = time.monotonic()
    process = subprocess.Popen(
        [seedbed, "--store", store, "--output", "csv", "-c", statement],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    out, told = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{statement}\n{told}")
    seconds = time.monotonic() - begun
    return list(csv.DictReader(io.StringIO(out))), told, seconds, usage.ru_maxrss / 1024


def steps(folder):
    """Each step with its statement."""
    return [
        ("import", f"IMPORT dbp15k '{folder}' AS p"),
        ("features", f"IMPORT FEATURES visual FROM '{folder}/features.npy' present='{folder}/present.npy' INTO p"),
        ("seeds", "PSQE FROM p AS seeds"),
        ("evaluate seeds", "EVALUATE seeds"),
        ("align", "ALIGN p match=greedy csls=10 AS links"),
        ("evaluate", "EVALUATE links"),
        ("export", f"EXPORT links TO '{folder}/links.tsv'"),
    ]


def main():
    seedbed, sizes = sys.argv[1], [int(size) for size in sys.argv[2:]] or [10_000, 100_000, 1_000_000]
    for entities in sizes:
        folder = tempfile.mkdtemp(dir=os.environ.get("SIZE_FOLDER"))
        try:
            # In a process of its own, for a child's peak begins with that of who started it.
            maker = multiprocessing.get_context("spawn").Process(target=write, args=(folder, entities))
            maker.start()
            maker.join()
            if maker.exitcode:
                sys.exit("the pair could not be written")
            total = 0
            print(f"size entities={entities} a side, {DEGREE * entities} triples a side", flush=True)
            for step, statement in steps(folder):
                rows, told, seconds, peak = run(seedbed, f"{folder}/store", statement)
                total += seconds
                print(f"size entities={entities} what={step.replace(' ', '-')} seconds={seconds:.2f} peak_mib={peak:.0f}")
                if step.startswith("evaluate"):
                    print(f"  {rows[-1]}")
                for line in told.splitlines():
                    if "cells" in line:
                        print(f"  {line}")
                sys.stdout.flush()
            used = sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(f"{folder}/store") for name in names)
            print(f"size entities={entities} what=all seconds={total:.2f} store_mib={used / 2**20:.0f}", flush=True)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
