"""A row that makes scoring fail must not take its neighbours along, nor a shard its scan.

An exception is narrowed down at once, by halves. A row that ends the process is narrowed down by the workers that die
of it: what is begun is noted first, and whoever comes next begins with half of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from probe.errors import StoreError
from probe.types import Result, Text

CALM, MOST = 2, 40  # attempts before notes are taken, and until a shard is given up
AT_ONCE = 64  # rows that are begun together where notes are taken
Alive = Callable[[], None]  # raises Stopped
Score = Callable[[Sequence[Text]], list[Result]]
Note = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Culprit:
    """Why a row was left out."""

    reason: str


Found = Result | Culprit


def isolated(score: Score, texts: Sequence[Text]) -> list[Found]:
    """Returns a result per text, in order, or why there is none; what stops the worker itself is raised."""
    try:
        return list(score(texts))
    except (StoreError, Stopped):
        raise
    except Exception as error:  # whatever a model or a score raises belongs to some row
        if len(texts) == 1:
            return [Culprit(f"scoring it fails: {type(error).__name__}")]
    half = len(texts) // 2
    return isolated(score, texts[:half]) + isolated(score, texts[half:])


class Stopped(Exception):
    """The task is no longer this worker's, or the worker is to end."""


def careful(
    score: Score, texts: Sequence[Text], attempt: int, trying: dict[str, Any] | None, note: Note
) -> list[Found]:
    """The same where workers died of this shard: attempt counts from 1, trying is what the last of them noted."""
    culprits: set[int] = set(trying["culprits"]) if trying else set()
    suspect = (trying["begin"], trying["end"]) if trying else (0, 0)
    if suspect[1] - suspect[0] == 1:
        culprits.add(suspect[0])
        suspect = (0, 0)
    if attempt > MOST:
        return [Culprit(f"{attempt - 1} workers ended while they scored this shard")] * len(texts)
    found: dict[int, Found] = {row: Culprit("a worker ended each time that it was scored") for row in culprits}
    for begin, end in _ranges(suspect, len(texts)):
        rows = [row for row in range(begin, end) if row not in found]
        if rows:
            note({"begin": rows[0], "end": rows[-1] + 1, "culprits": sorted(culprits)})
            found |= zip(rows, isolated(score, [texts[row] for row in rows]), strict=True)
    return [found[row] for row in range(len(texts))]


def _ranges(suspect: tuple[int, int], size: int) -> Iterator[tuple[int, int]]:
    """Yields the halves of what is suspected first, then everything."""
    begin, end = suspect
    middle = (begin + end) // 2
    yield from ((begin, middle), (middle, end))
    for start in range(0, size, AT_ONCE):
        yield start, min(start + AT_ONCE, size)
