"""One epoch of MEAformer in PyTorch on the CPU, at the size of DBP15K zh_en.

The same computation as `benches/train.rs meaformer`, as the authors have it (dense bags, one BERT layer over the
four tokens of an entity, nine contrastive losses, AdamW with clipped gradients), but cheaper than theirs where
that costs nothing: attention runs over the edges of the batch's two hops with index operations, maps and tokens
are made for the batch's entities only, and the block of similarities between the sides is multiplied once for
both directions. Dropout is left out.

usage: train_yardstick.py TRIPLES.npy LEFT_IDS.npy [epochs] [threads]
"""
import resource
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

from graph_attention import Attention, field

VISUAL, BAG, WIDTH, INNER, PAIRS, TAU = 2048, 1000, 300, 400, 3500, 0.1
epochs = int(sys.argv[3]) if len(sys.argv) > 3 else 3
torch.set_num_threads(int(sys.argv[4]) if len(sys.argv) > 4 else 2)
torch.manual_seed(42)

seen = field(sys.argv[1], sys.argv[2], PAIRS)
visual = F.normalize(torch.randn(2 * PAIRS, VISUAL))


def bag():
    rows = torch.zeros(2 * PAIRS, BAG)
    columns = torch.randint(BAG // 8, (2 * PAIRS, 8)) + torch.arange(0, BAG, BAG // 8)
    return rows.scatter_(1, columns, 8**-0.5)


constant = [visual, bag(), bag()]


class Block(torch.nn.Module):
    """One layer of BERT; one head."""

    def __init__(self):
        super().__init__()
        linear = torch.nn.Linear
        self.query, self.key, self.value = (linear(WIDTH, WIDTH) for _ in range(3))
        self.output, self.inner, self.outer = linear(WIDTH, WIDTH), linear(WIDTH, INNER), linear(INNER, WIDTH)
        self.first, self.second = (torch.nn.LayerNorm(WIDTH, eps=1e-12) for _ in range(2))

    def forward(self, x):
        p = torch.softmax(self.query(x) @ self.key(x).transpose(1, 2) / WIDTH**0.5, -1)
        attended = self.first(self.output(p @ self.value(x)) + x)
        hidden = self.second(self.outer(F.gelu(self.inner(attended))) + attended)
        return hidden, torch.softmax(p.sum(1) / x.shape[1] ** 0.5, -1)


mask, target = torch.eye(PAIRS) * 1e9, torch.arange(PAIRS)


def icl(z):
    a, b = F.normalize(z).split(PAIRS)
    ab = a @ b.T / TAU
    one = torch.cat([ab, a @ a.T / TAU - mask], 1)
    other = torch.cat([ab.T, b @ b.T / TAU - mask], 1)
    return (F.cross_entropy(one, target) + F.cross_entropy(other, target)) / 2


entities = torch.nn.Parameter(torch.randn(seen.entities, WIDTH) * seen.entities**-0.5)
read = torch.from_numpy(seen.rows)
layers = torch.nn.ModuleList([Attention(WIDTH), Attention(WIDTH)])
maps = torch.nn.ModuleList([torch.nn.Linear(x.shape[1], WIDTH) for x in constant])
block = Block()
variances = torch.nn.Parameter(torch.zeros(4))
parameters = [entities, variances] + [p for m in (layers, maps, block) for p in m.parameters()]
optimiser = torch.optim.AdamW(parameters, lr=5e-4, weight_decay=0.01)
for epoch in range(epochs):
    begun = time.perf_counter()
    optimiser.zero_grad()
    h = F.elu(layers[0](entities[read], seen.edges[0], seen.written[0]))
    h = layers[1](h, seen.edges[1], seen.written[1])
    parts = [linear(x) for linear, x in zip(maps, constant)] + [torch.cat([h[seen.left], h[seen.right]])]
    hidden, weights = block(torch.stack(parts, 1))
    joint = torch.cat([w[:, None] * F.normalize(x) for w, x in zip(weights.T, parts)], 1)
    losses = [icl(joint)]
    for s, before, after in zip(variances, parts, hidden.unbind(1)):
        losses.append(torch.exp(-s) * icl(before) + s + torch.exp(-s) * icl(after) + s)
    loss = sum(losses)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 1.1)
    optimiser.step()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    seconds = time.perf_counter() - begun
    print(f"yardstick seconds={seconds:.3f} loss={loss.item():.4f} peak_mib={peak}", flush=True)
