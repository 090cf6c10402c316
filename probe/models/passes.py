"""Forward passes: which texts share one, and what becomes of them where it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import torch

from probe.types import Unscored

_WORTH, _FINER = 256, 32  # tokens for which a lane is worth opening; parts by which an even budget is raised
_FAILURES = (MemoryError, RuntimeError, ValueError, IndexError, TypeError)  # of a model on what it is given
T = TypeVar("T")
R = TypeVar("R")


def batches(lengths: Sequence[int], budget: int, packs: bool = False) -> Iterator[range]:
    """Yields ranges over ascending `lengths` of at most `budget` tokens, padding counted, but one text at least."""
    begin = total = 0
    for end, length in enumerate(lengths):
        total = total + length if packs else (end + 1 - begin) * length
        if total > budget and end > begin:
            yield range(begin, end)
            begin, total = end, length
    if len(lengths):
        yield range(begin, len(lengths))


def planned(lengths: Sequence[int], budget: int, many: int, packs: bool = False) -> list[range]:
    """Returns batches of which so many lanes have about as much to do; few tokens stay together."""
    tokens, most = sum(lengths), max(budget, 1)
    if many == 1 or tokens < many * _WORTH:
        return list(batches(lengths, budget, packs))
    least = max(-(-tokens // most), len(list(batches(lengths, most, packs))))
    wanted, even = -(-least // many) * many, 0
    while True:
        even = even + 1 + even // _FINER if even else -(-tokens // wanted)  # texts do not fill batches to the brim
        plan = list(batches(lengths, min(even, most), packs))
        if len(plan) <= wanted or even >= most:
            return plan


def spared(
    rows: Sequence[T], run: Callable[[Sequence[T]], Iterable[R]], size: Callable[[T], int]
) -> list[R | Unscored]:
    """Returns what a pass over the rows says of each; halves them where memory does not suffice or the model fails, so
    that no row costs another. size: tokens of a row, for what is said of one that fails alone.
    """
    try:
        return list(run(rows))
    except _FAILURES as error:
        reason = _reason(error, size(rows[0]))
    torch.cuda.empty_cache()  # here, where the error holds no tensor any more
    if len(rows) == 1:
        return [reason]
    half = len(rows) // 2
    return spared(rows[:half], run, size) + spared(rows[half:], run, size)


def _reason(error: Exception, tokens: int) -> Unscored:
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error):
        return Unscored(f"out of memory at {tokens} tokens; use a smaller dtype or a larger device")
    said = next(iter(str(error).splitlines()), "")
    return Unscored(f"the model fails at {tokens} tokens with {type(error).__name__}: {said}")
