"""One epoch of PSQE's stage II in PyTorch on the CPU, at the size of DBP15K zh_en.

The same computation as benches/tune.rs: visual features through an
affine map and two diagonal attention layers over the two-hop field of the seeds, relation and attribute
features through affine maps, three contrastive losses over 2,000 pairs, gradients, one AdamW step.
Attention runs over the edges with index operations, never over rows x rows.

usage: tune_yardstick.py TRIPLES.npy LEFT_IDS.npy [epochs] [threads]
"""
import resource
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

VISUAL, TEXT, HIDDEN, HEADS, PAIRS = 2048, 768, 300, 2, 2000
triples, left_ids = np.load(sys.argv[1]), np.load(sys.argv[2])
epochs = int(sys.argv[3]) if len(sys.argv) > 3 else 4
torch.set_num_threads(int(sys.argv[4]) if len(sys.argv) > 4 else 2)
torch.manual_seed(42)

rows = int(triples[:, [0, 2]].max()) + 1
is_left = np.zeros(rows, bool)
is_left[left_ids] = True
place = np.empty(rows, np.int64)
place[is_left], place[~is_left] = np.arange(is_left.sum()), is_left.sum() + np.arange((~is_left).sum())
head, tail = place[triples[:, 0]], place[triples[:, 2]]
loops = np.arange(rows)
edges = np.unique(np.concatenate([head * rows + tail, tail * rows + head, loops * rows + loops]))
into, out_of = edges // rows, edges % rows

rng = np.random.default_rng(7)
lefts = rng.permutation(is_left.sum())[:PAIRS]
rights = is_left.sum() + rng.permutation((~is_left).sum())[:PAIRS]


def hop(written):
    """Edges into the rows `written`, as places among the rows written and read, written rows first."""
    wanted = np.zeros(rows, bool)
    wanted[written] = True
    keep = wanted[into]
    i, j = into[keep], out_of[keep]
    read = np.concatenate([written, np.setdiff1d(np.unique(j), written)])
    at = np.empty(rows, np.int64)
    at[read] = np.arange(len(read))
    return torch.from_numpy(at[i]), torch.from_numpy(at[j]), read


seeds = np.unique(np.concatenate([lefts, rights]))
i2, j2, middle = hop(seeds)
i1, j1, field = hop(middle)
at = np.empty(rows, np.int64)
at[seeds] = np.arange(len(seeds))
a_at, b_at = torch.from_numpy(at[lefts]), torch.from_numpy(at[rights])
both = np.concatenate([lefts, rights])

visual = F.normalize(torch.randn(rows, VISUAL))
relation, attribute = F.normalize(torch.randn(rows, TEXT)), F.normalize(torch.randn(rows, TEXT))
# Constant, so picked once; picking by index in every epoch would only cost more.
visual_field, relation, attribute = visual[field], relation[both], attribute[both]
del visual
print(f"rows {rows}, field {len(field)} -> {len(middle)} -> {len(seeds)}, edges {len(i1)} + {len(i2)}")


class Attention(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.ones(HEADS, HIDDEN))
        self.a = torch.nn.Parameter(torch.empty(HEADS, 2, HIDDEN).uniform_(-600**-0.5, 600**-0.5))

    def forward(self, h, i, j, written):
        total = 0
        for w, a in zip(self.w, self.a):
            x = h * w
            # A score is a sum of one number of each end: no edges x width here.
            e = torch.exp(-F.leaky_relu((x[:written] @ a[0])[i] + (x @ a[1])[j], 0.2))
            over = torch.zeros(written).index_add(0, i, e)
            weighted = e[:, None] * x[j]
            total = total + torch.zeros(written, HIDDEN).index_add(0, i, weighted) / over[:, None]
        return total / HEADS


def icl(a, b):
    n = len(a)
    self_mask = torch.eye(n) * 1e9
    target = torch.arange(n)
    ab = a @ b.T
    left = torch.cat([ab, a @ a.T - self_mask], 1)
    right = torch.cat([ab.T, b @ b.T - self_mask], 1)
    return (F.cross_entropy(left, target) + F.cross_entropy(right, target)) / 2


v, r, t = torch.nn.Linear(VISUAL, HIDDEN), torch.nn.Linear(TEXT, HIDDEN), torch.nn.Linear(TEXT, HIDDEN)
g1, g2 = Attention(), Attention()
parameters = [p for m in (v, r, t, g1, g2) for p in m.parameters()]
optimiser = torch.optim.AdamW(parameters, lr=0.01, weight_decay=0.01)
for epoch in range(epochs):
    begun = time.perf_counter()
    optimiser.zero_grad()
    x = F.elu(g1(v(visual_field), i1, j1, len(middle)))
    x = g2(x, i2, j2, len(seeds))
    loss = icl(x[a_at], x[b_at])
    for affine, features in ((r, relation), (t, attribute)):
        z = affine(features)
        loss = loss + icl(z[:PAIRS], z[PAIRS:])
    loss.backward()
    optimiser.step()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    seconds = time.perf_counter() - begun
    print(f"yardstick seconds={seconds:.3f} loss={loss.item():.4f} peak_mib={peak}", flush=True)

# The ceiling: what the library's own product reaches on this machine, large and square.
x, y = torch.randn(4096, 4096), torch.randn(4096, 4096)
best = min(((begun := time.perf_counter()), x @ y, time.perf_counter() - begun)[2] for _ in range(3))
print(f"ceiling {2 * 4096**3 / best / 1e9:.0f} GFLOP/s")
