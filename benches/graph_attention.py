"""The part that the yardsticks of training share: diagonal graph attention over the field of some pairs."""
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F


class Attention(torch.nn.Module):
    """One layer, by index operations over its edges; two heads."""

    def __init__(self, width, heads=2):
        super().__init__()
        bound = (2 * width) ** -0.5
        self.w = torch.nn.Parameter(torch.ones(heads, width))
        self.a = torch.nn.Parameter(torch.empty(heads, 2, width).uniform_(-bound, bound))

    def forward(self, h, edges, written):
        (i, j), total = edges, 0
        for w, a in zip(self.w, self.a):
            x = h * w
            # A score is a sum of one number of each end: no edges x width here.
            e = torch.exp(-F.leaky_relu((x[:written] @ a[0])[i] + (x @ a[1])[j], 0.2))
            over = torch.zeros(written).index_add(0, i, e)
            weighted = e[:, None] * x[j]
            total = total + torch.zeros(written, h.shape[1]).index_add(0, i, weighted) / over[:, None]
        return total / len(self.w)


def field(triples, left_ids, pairs):
    """Of so many random pairs of DBP15K zh_en: the rows that two layers read, and the edges of each.

    `rows` and `both` (the pairs' left ends, then their right ones) are entities, left ones first; `left` and `right`
    are the ends' places among what the second layer writes; `edges` are places of rows written and read.
    """
    triples, left_ids = np.load(triples), np.load(left_ids)
    rows = int(triples[:, [0, 2]].max()) + 1
    is_left = np.zeros(rows, bool)
    is_left[left_ids] = True
    lefts = int(is_left.sum())
    place = np.empty(rows, np.int64)
    place[is_left], place[~is_left] = np.arange(lefts), lefts + np.arange(rows - lefts)
    head, tail = place[triples[:, 0]], place[triples[:, 2]]
    loops = np.arange(rows)
    edges = np.unique(np.concatenate([head * rows + tail, tail * rows + head, loops * rows + loops]))
    into, out_of = edges // rows, edges % rows

    rng = np.random.default_rng(7)
    left, right = rng.permutation(lefts)[:pairs], lefts + rng.permutation(rows - lefts)[:pairs]

    def hop(written):
        wanted = np.zeros(rows, bool)
        wanted[written] = True
        keep = wanted[into]
        i, j = into[keep], out_of[keep]
        read = np.concatenate([written, np.setdiff1d(np.unique(j), written)])
        at = np.empty(rows, np.int64)
        at[read] = np.arange(len(read))
        return (torch.from_numpy(at[i]), torch.from_numpy(at[j])), read

    seeds = np.unique(np.concatenate([left, right]))
    last, middle = hop(seeds)
    first, read = hop(middle)
    at = np.empty(rows, np.int64)
    at[seeds] = np.arange(len(seeds))
    print(f"rows {rows}, field {len(read)} -> {len(middle)} -> {len(seeds)}, edges {len(first[0])} + {len(last[0])}")
    return SimpleNamespace(
        entities=rows,
        rows=read,
        edges=[first, last],
        written=[len(middle), len(seeds)],
        left=torch.from_numpy(at[left]),
        right=torch.from_numpy(at[right]),
        both=np.concatenate([left, right]),
    )
