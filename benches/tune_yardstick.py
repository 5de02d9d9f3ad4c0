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

import torch
import torch.nn.functional as F

from graph_attention import Attention, field

VISUAL, TEXT, HIDDEN, PAIRS = 2048, 768, 300, 2000
epochs = int(sys.argv[3]) if len(sys.argv) > 3 else 4
torch.set_num_threads(int(sys.argv[4]) if len(sys.argv) > 4 else 2)
torch.manual_seed(42)

seen = field(sys.argv[1], sys.argv[2], PAIRS)
visual = F.normalize(torch.randn(seen.entities, VISUAL))
relation, attribute = F.normalize(torch.randn(seen.entities, TEXT)), F.normalize(torch.randn(seen.entities, TEXT))
# Constant, so picked once; picking by index in every epoch would only cost more.
visual_field, relation, attribute = visual[seen.rows], relation[seen.both], attribute[seen.both]
del visual


def icl(a, b):
    n = len(a)
    self_mask = torch.eye(n) * 1e9
    target = torch.arange(n)
    ab = a @ b.T
    left = torch.cat([ab, a @ a.T - self_mask], 1)
    right = torch.cat([ab.T, b @ b.T - self_mask], 1)
    return (F.cross_entropy(left, target) + F.cross_entropy(right, target)) / 2


v, r, t = torch.nn.Linear(VISUAL, HIDDEN), torch.nn.Linear(TEXT, HIDDEN), torch.nn.Linear(TEXT, HIDDEN)
g1, g2 = Attention(HIDDEN), Attention(HIDDEN)
parameters = [p for m in (v, r, t, g1, g2) for p in m.parameters()]
optimiser = torch.optim.AdamW(parameters, lr=0.01, weight_decay=0.01)
for epoch in range(epochs):
    begun = time.perf_counter()
    optimiser.zero_grad()
    x = F.elu(g1(v(visual_field), seen.edges[0], seen.written[0]))
    x = g2(x, seen.edges[1], seen.written[1])
    loss = icl(x[seen.left], x[seen.right])
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
