"""The statistics of statistics.py for a plain linear head on a CPU, streamed over tiles of the vocabulary.

A [rows, vocabulary] logits tensor would go to memory and come back; a [ROWS, TILE] tile stays in the cache that the
matmul wrote it to. Running sums are rebased when a tile raises the maximum m: with d = m_old - m_new,
    S0' = e^d S0,  S1' = e^d (S1 + d S0),  S2' = e^d (S2 + 2 d S1 + d^2 S0),  Sk = sum e^u u^k, u = z - m.
The target's own logit is one dot product; its rounding differs from the matmul's, so the rank leaves its column out.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from probe.models.base import NO_EXTRAS, Extras

ROWS, TILE = 256, 1024  # a float32 tile of 1 MiB
_LEAST = 8 * TILE  # smaller vocabularies stay in cache as they are


def streams(head: Any, hidden: Tensor, extras: Extras) -> bool:
    """True where `stream` applies."""
    plain = type(head) is torch.nn.Linear and not head._forward_hooks and not head._forward_pre_hooks
    return plain and extras == NO_EXTRAS and hidden.device.type == "cpu" and head.out_features >= _LEAST


def stream(weight: Tensor, bias: Tensor | None, hidden: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
    """Returns logprob, mu, sigma (float32) and rank (int32) of hidden [rows, width]; weight [vocabulary, width]."""
    parts = [
        _block(weight, bias, hidden[row : row + ROWS], targets[row : row + ROWS]) for row in range(0, len(hidden), ROWS)
    ]
    return tuple(torch.cat(columns) for columns in zip(*parts, strict=True))


def _block(weight: Tensor, bias: Tensor | None, hidden: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
    own = (hidden.float() * weight[targets].float()).sum(1)
    if bias is not None:
        own += bias[targets].float()
    rows = len(hidden)
    highest = torch.full((rows,), -torch.inf)
    s0, s1, s2 = torch.zeros(3, rows)
    rank = torch.zeros(rows)
    for begin in range(0, len(weight), TILE):
        tile = torch.mm(hidden, weight[begin : begin + TILE].T).float()
        if bias is not None:
            tile += bias[begin : begin + TILE]
        scratch = torch.empty_like(tile)
        # a comparison written as float32 is summed six times as fast as one of booleans, and exact up to 2^24
        rank += torch.gt(tile, own.unsqueeze(1), out=scratch).sum(1) - _own_counted(tile, own, targets - begin)
        raised = torch.maximum(highest, tile.amax(1))
        shift = torch.where(highest == -torch.inf, 0.0, highest - raised)
        scale = shift.exp() * (highest > -torch.inf)
        s2 = scale * (s2 + 2 * shift * s1 + shift.square() * s0)
        s1 = scale * (s1 + shift * s0)
        s0 = scale * s0
        highest = raised
        tile -= highest.unsqueeze(1)
        weights = torch.exp(tile, out=scratch)
        s0 += weights.sum(1)
        s1 += weights.mul_(tile).sum(1)
        s2 += weights.mul_(tile).sum(1)
    first, second, log_total = s1 / s0, s2 / s0, s0.log()
    sigma = (second - first.square()).clamp_min(0).sqrt()
    return own - highest - log_total, first - log_total, sigma, rank.int()


def _own_counted(tile: Tensor, own: Tensor, places: Tensor) -> Tensor:
    """Returns 1 for each row whose own column is in this tile and came out above its dot product."""
    inside = (places >= 0) & (places < tile.shape[1])
    column = tile.gather(1, places.clamp(0, tile.shape[1] - 1).unsqueeze(1)).squeeze(1)
    return (inside & (column > own)).long()
