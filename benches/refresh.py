"""What a refresh costs beside computing from nothing, after 1 % of the entities of DBP15K zh_en were edited.

Each side's entities get new name vectors (moved a little) and lose a triple. Two copies of one store are then
brought up to date, one by REFRESH, one by REFRESH full=true, in turn and under one load: seeds and an alignment of
features, or seeds, a model trained on them and its alignment, whose Hits@1 is told as well.

    PYTHON=… benches/run.sh refresh [trained]
"""

import csv
import io
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np

seedbed, data = sys.argv[1], sys.argv[2]
trained = "trained" in sys.argv[3:]
inputs, graphs = f"{data}/inputs/zh_en", f"{data}/dbp15k/zh_en"
work = tempfile.mkdtemp()


def run(store, statement):
    """Runs statements; gives the rows of the last one that has any."""
    out = subprocess.run(
        [seedbed, "--store", store, "--output", "csv", "-c", statement],
        check=True, capture_output=True, text=True,
    ).stdout
    return list(csv.DictReader(io.StringIO(out)))


def numbered(file):
    """Names by the source's ids."""
    rows = (line.rstrip("\n").split("\t") for line in open(f"{graphs}/{file}", encoding="utf8"))
    return {int(number): name for number, name in rows}


entities = [numbered("ent_ids_1"), numbered("ent_ids_2")]
relations = numbered("rel_ids_1") | numbered("rel_ids_2")
dice = np.random.default_rng(3)
chosen = [dice.choice(sorted(side), len(side) // 100, replace=False) for side in entities]
names = np.load(f"{inputs}/name_minilm.npy").astype(np.float32)
rows = np.sort(np.concatenate(chosen))
moved = names[rows] + 0.05 * dice.standard_normal((len(rows), names.shape[1])).astype(np.float32)
np.save(f"{work}/moved.npy", moved)
both = entities[0] | entities[1]
with open(f"{work}/moved.txt", "w", encoding="utf8") as file:
    file.writelines(f"<{both[row]}>\n" for row in rows)
for side in (0, 1):
    left = set(chosen[side].tolist())
    with open(f"{work}/gone{side}.nt", "w", encoding="utf8") as file:
        for line in open(f"{graphs}/triples_{side + 1}"):
            head, relation, tail = map(int, line.split())
            if head in left:
                left.remove(head)
                file.write(f"- <{both[head]}> <{relations[relation]}> <{both[tail]}> .\n")

base = f"{work}/base"
made, judged = "ALIGN p AS a", None
if trained:
    made = """TRAIN eva ON p USING s epochs=30 dims=128 lr=0.005 AS m;
ALIGN p USING m match=best csls=3 AS b"""
    judged = "b"
run(base, f"""
IMPORT dbp15k '{graphs}' AS p;
IMPORT FEATURES visual FROM '{inputs}/visual_sim.npy' present='{inputs}/has_image.npy' INTO p;
IMPORT FEATURES attribute FROM '{inputs}/name_minilm.npy' INTO p;
IMPORT FEATURES relation FROM '{inputs}/rel_text.npy' INTO p;
PSQE n=4000 FROM p AS s;
{made};
UPDATE FEATURES attribute FROM '{work}/moved.npy' ids='{work}/moved.txt' INTO p;
APPLY DIFF '{work}/gone0.nt' TO p.left;
APPLY DIFF '{work}/gone1.nt' TO p.right""")
times, hits = {}, {}
for turn in range(int(os.environ.get("TURNS", "3"))):
    for how, statement in (("refresh", "REFRESH p"), ("full", "REFRESH p full=true")):
        store = f"{work}/{how}"
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(base, store)
        for row in run(store, statement):
            times.setdefault(row["what"], {}).setdefault(how, []).append(float(row["seconds"]))
        if judged:
            hits[how] = run(store, f"EVALUATE {judged} protocol=strict")
print(f"{'what':14} {'refresh s':>10} {'full s':>10} {'ratio':>7}")
total = {"refresh": 0.0, "full": 0.0}
for what, spent in times.items():
    least = {how: min(spent[how]) for how in total}
    for how in total:
        total[how] += least[how]
    print(f"{what:14} {least['refresh']:10.2f} {least['full']:10.2f} {least['refresh'] / least['full']:7.3f}")
print(f"{'all':14} {total['refresh']:10.2f} {total['full']:10.2f} {total['refresh'] / total['full']:7.3f}")
for how, rows in hits.items():
    told = (f"{row['direction']}, {row['similarity']}: {float(row['hits@1']):.4f}" for row in rows)
    print(f"Hits@1 after {how}: " + "; ".join(told))
shutil.rmtree(work)
