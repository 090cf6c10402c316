"""The statistics of statistics.py for a plain linear head on a CPU, streamed over tiles of the vocabulary.

A [rows, vocabulary] logits tensor would go to memory and come back; a [ROWS, TILE] tile stays in the cache that the
matmul wrote it to. Running sums are rebased when a tile raises the maximum m: with d = m_old - m_new,
    S0' = e^d S0,  S1' = e^d (S1 + d S0),  S2' = e^d (S2 + 2 d S1 + d^2 S0),  Sk = sum e^u u^k, u = z - m.
Ranks are counted before the target's column is seen: its logit is multiplied first, by the product that the tiles take,
for a dot product is rounded otherwise, and a word would stand below all that are as likely. Its column is left out, and
everything else takes it from its tile, so that the likeliest token's is the highest exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeGuard

import torch
from torch import Tensor
from torch.nn.functional import pad

from probe.models.base import Extras
from probe.models.checks import untouched, wave
from probe.models.head import MatrixUnits, matrix_units
from probe.models.kernel import kernel
from probe.models.onednn import fastest, filled
from probe.models.processor import narrows

ROWS, TILE = 1024, 512  # per core: a float32 tile of 2 MiB, the second-level cache of a server's core
_SIDE, _ROWS = 256, 16  # of a product for the targets' own logits; the fewest rows that are multiplied as many are
_CORES = 4  # more would not shorten the loop much, and take memory
LEAST = -1e4  # nats below the likeliest: e to that is 0, and 0 times it still a number
Fold = Callable[[Tensor, Tensor, Tensor, Tensor], None]


def streams(head: Any, hidden: Tensor, extras: Extras) -> TypeGuard[torch.nn.Linear]:
    """True where `stream` applies."""
    return linear(head) and not extras.columns and hidden.device.type == "cpu"


def linear(head: Any) -> TypeGuard[torch.nn.Linear]:
    """True for a head whose weight is a plain matrix: not quantised, not adapted, not changed (checks.py)."""
    return type(head) is torch.nn.Linear and untouched(head)


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
    wide = filled(hidden if multiplies(hidden.dtype) else hidden.float())  # here, and not anew for every tile
    wide = _raised(wide, _ROWS)
    limit = _own(wide, weight, targets)
    if bias is not None:
        limit += bias[targets]
    state = hidden.new_zeros(len(hidden), 6, dtype=torch.float32)
    state[:, 0] = -torch.inf
    columns = TILE * min(torch.get_num_threads(), _CORES)
    for begin in range(0, len(weight), columns):
        tile = _tile(wide, weight, begin, begin + columns)[: len(hidden)].float().contiguous()
        if bias is not None:
            tile += bias[begin : begin + columns]
        fold(tile, limit, targets - begin, state)
    return finished(state[:, :5], state[:, 5])


def _tile(wide: Tensor, weight: Tensor, begin: int, end: int) -> Tensor:
    """Returns logits [rows, end - begin at most] without bias. Few columns, or those of a weight that does not lie in a
    row, would be multiplied in another order than `_own` does: a tile reaches back, or is filled up with zeros.
    """
    end = min(end, len(weight))
    first = max(0, min(begin, end - _SIDE))
    part = weight[first:end].to(wide.dtype).contiguous()
    return fastest(wide, _raised(part, _SIDE))[:, begin - first : end - first]


def _raised(x: Tensor, least: int) -> Tensor:
    """Returns x [rows, width] with zeros behind its rows where they are fewer."""
    return x if len(x) >= least else pad(x, (0, 0, 0, least - len(x)))


def _own(wide: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Returns the targets' logits without bias, float32, of rows that may be more: diagonals of small products."""
    side = min(len(wide), _SIDE)
    ids = torch.cat([targets, targets.new_zeros(len(wide) - len(targets) + _SIDE - side)])
    found = wide.new_empty(len(wide), dtype=torch.float32)
    for begin in range(0, len(wide), _SIDE):
        rows = slice(first := min(begin, len(wide) - side), first + side)  # whole ones: of one row it would be another
        found[rows] = fastest(wide[rows], weight[ids[first : first + _SIDE]].to(wide.dtype)).diagonal()
    return found[: len(targets)]


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
    tile, place = 30 * wave(4, TILE, 30), torch.arange(4, device="cpu")
    limit = tile.new_zeros(4)
    states = tile.new_zeros(2, 4, 6)
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
    shift = torch.where(highest == -torch.inf, 0.0, highest - raised).clamp_min(LEAST)
    scale = shift.exp() * (highest > -torch.inf)
    tile.sub_(torch.where(raised == -torch.inf, 0.0, raised).unsqueeze(1)).clamp_min_(LEAST)
    weights = torch.exp(tile, out=scratch)
    total = weights.sum(1)
    first = weights.mul_(tile).sum(1)
    s2.copy_(scale * (s2 + 2 * shift * s1 + shift.square() * s0) + weights.mul_(tile).sum(1))
    s1.copy_(scale * (s1 + shift * s0) + first)
    s0.copy_(scale * s0 + total)
    highest.copy_(raised)
