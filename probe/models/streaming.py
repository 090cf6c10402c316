"""The statistics of statistics.py for a plain linear head on a CPU, streamed over tiles of the vocabulary.

A [rows, vocabulary] logits tensor would go to memory and come back; a [ROWS, TILE] tile stays in the cache that the
matmul wrote it to. Running sums are rebased when a tile raises the maximum m: with d = m_old - m_new,
    S0' = e^d S0,  S1' = e^d (S1 + d S0),  S2' = e^d (S2 + 2 d S1 + d^2 S0),  Sk = sum e^u u^k, u = z - m.
Ranks are counted before the target's logit is seen: they take one dot product for it, whose rounding differs from the
matmul's, and leave its column out. Everything else takes it from its tile, so that the likeliest token's is the highest
exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeGuard

import torch
from torch import Tensor

from probe.models.base import Extras
from probe.models.head import MatrixUnits, matrix_units
from probe.models.kernel import kernel
from probe.models.onednn import fastest, filled
from probe.models.processor import narrows

ROWS, TILE = 1024, 512  # per core: a float32 tile of 2 MiB, the second-level cache of a server's core
_CORES = 4  # more would not shorten the loop much, and take memory
Fold = Callable[[Tensor, Tensor, Tensor, Tensor], None]


def streams(head: Any, hidden: Tensor, extras: Extras) -> TypeGuard[torch.nn.Linear]:
    """True where `stream` applies."""
    return linear(head) and not extras.columns and hidden.device.type == "cpu"


def linear(head: Any) -> TypeGuard[torch.nn.Linear]:
    """True for a head whose weight is a plain matrix: not quantised, not adapted, not kept elsewhere (accelerate)."""
    plain = type(head) is torch.nn.Linear and not hasattr(head, "_hf_hook")
    return plain and not head._forward_hooks and not head._forward_pre_hooks


def stream(
    weight: Tensor, bias: Tensor | None, hidden: Tensor, targets: Tensor, fold: Fold | None = None
) -> tuple[Tensor, ...]:
    """Returns logprob, mu, sigma (float32) and rank (int32) of hidden [rows, width]; weight [vocabulary, width].

    targets: integers [rows].
    """
    targets = targets.long()
    units = None if fold else _by_units(weight, hidden)
    if units and (found := units.head(weight, bias, hidden.contiguous(), targets)):
        return finished(*found)
    fold = fold or _best_fold()
    parts = [
        _block(weight, bias, hidden[row : row + ROWS], targets[row : row + ROWS], fold)
        for row in range(0, len(hidden), ROWS)
    ]
    return tuple(torch.cat(columns) for columns in zip(*parts, strict=True))


def _block(weight: Tensor, bias: Tensor | None, hidden: Tensor, targets: Tensor, fold: Fold) -> tuple[Tensor, ...]:
    limit = (hidden.float() * weight[targets].float()).sum(1)
    if bias is not None:
        limit += bias[targets].float()
    state = torch.zeros(len(hidden), 6)
    state[:, 0] = -torch.inf
    wide = filled(hidden if multiplies(hidden.dtype) else hidden.float())  # here, and not anew for every tile
    columns = TILE * min(torch.get_num_threads(), _CORES)
    for begin in range(0, len(weight), columns):
        tile = fastest(wide, weight[begin : begin + columns].to(wide.dtype))[: len(hidden)].float()
        if bias is not None:
            tile += bias[begin : begin + columns]
        fold(tile, limit, targets - begin, state)
    return finished(state[:, :5], state[:, 5])


def _by_units(weight: Tensor, hidden: Tensor) -> MatrixUnits | None:
    units = matrix_units()
    return units if units and units.take(weight) and hidden.dtype == weight.dtype else None


def finished(state: Tensor, own: Tensor) -> tuple[Tensor, ...]:
    """Returns logprob, mu, sigma, rank from the sums over all of the vocabulary and the targets' logits."""
    highest, s0, s1, s2, rank = state.unbind(1)
    first, second, log_total = s1 / s0, s2 / s0, s0.log()
    sigma = (second - first.square()).clamp_min(0).sqrt()
    return own - highest - log_total, first - log_total, sigma, rank.int()


@cache
def _best_fold() -> Fold:
    """Returns the compiled fold where there is one and it agrees with torch's."""
    compiled = kernel()
    if compiled is None:
        return fold_plainly
    tile, limit, place = torch.linspace(-30, 30, 4 * TILE).sin().view(4, TILE) * 30, torch.zeros(4), torch.arange(4)
    states = torch.zeros(2, 4, 6)
    states[:, :, 0] = -torch.inf
    for fold, state in zip((compiled.fold, fold_plainly), states, strict=True):
        fold(tile.clone(), limit, place, state)
    return compiled.fold if torch.allclose(states[0], states[1], rtol=1e-4) else fold_plainly


def multiplies(dtype: torch.dtype) -> bool:
    """True where the processor multiplies matrices of this dtype as fast as those of float32, or faster."""
    return dtype == torch.float32 or (dtype == torch.bfloat16 and narrows())


def fold_plainly(tile: Tensor, limit: Tensor, place: Tensor, state: Tensor) -> None:
    """Adds tile [rows, columns] to state [rows, 6]: highest, S0, S1, S2, rank, own. What kernel.c does, in torch."""
    highest, s0, s1, s2, rank, own = state.unbind(1)
    scratch = torch.empty_like(tile)
    inside = (place >= 0) & (place < tile.shape[1])
    column = tile.gather(1, place.clamp(0, tile.shape[1] - 1).unsqueeze(1)).squeeze(1)
    own.copy_(torch.where(inside, column, own))
    # a comparison written as float32 is summed six times as fast as one of booleans, and exact up to 2^24
    rank += torch.gt(tile, limit.unsqueeze(1), out=scratch).sum(1) - (inside & (column > limit)).long()
    raised = torch.maximum(highest, tile.amax(1))
    shift = torch.where(highest == -torch.inf, 0.0, highest - raised)
    scale = shift.exp() * (highest > -torch.inf)
    tile -= raised.unsqueeze(1)
    weights = torch.exp(tile, out=scratch)
    total = weights.sum(1)
    first = weights.mul_(tile).sum(1)
    s2.copy_(scale * (s2 + 2 * shift * s1 + shift.square() * s0) + weights.mul_(tile).sum(1))
    s1.copy_(scale * (s1 + shift * s0) + first)
    s0.copy_(scale * s0 + total)
    highest.copy_(raised)
