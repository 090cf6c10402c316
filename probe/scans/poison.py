"""A row that makes scoring fail must not take its neighbours along, nor a shard its scan.

An exception is narrowed down at once, by halves. A row that ends the process is narrowed down by the workers that die
of it: what is begun is noted first, and whoever comes next begins with half of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from probe.errors import StoreError

CALM, MOST = 2, 40  # attempts before notes are taken, and until a shard is given up
AT_ONCE = 64  # rows that are begun together where notes are taken
Alive = Callable[[], None]  # raises Stopped
Row = TypeVar("Row")
Scored = TypeVar("Scored")
Score = Callable[[Sequence[Row]], list[Scored]]
Note = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Culprit:
    """Why a row was left out."""

    reason: str


def isolated(score: Score[Row, Scored], rows: Sequence[Row]) -> list[Scored | Culprit]:
    """Returns what each row gives, in order, or why there is nothing; what stops the worker itself is raised."""
    try:
        return list(score(rows))
    except (StoreError, Stopped):
        raise
    except Exception as error:  # whatever a model or a score raises belongs to some row
        if len(rows) == 1:
            return [Culprit(f"scoring it fails: {type(error).__name__}")]
    half = len(rows) // 2
    return isolated(score, rows[:half]) + isolated(score, rows[half:])


class Stopped(Exception):
    """The task is no longer this worker's, or the worker is to end."""


def careful(
    score: Score[Row, Scored], rows: Sequence[Row], attempt: int, trying: dict[str, Any] | None, note: Note
) -> list[Scored | Culprit]:
    """The same where workers died of this shard: attempt counts from 1, trying is what the last of them noted."""
    culprits: set[int] = set(trying["culprits"]) if trying else set()
    suspect = (trying["begin"], trying["end"]) if trying else (0, 0)
    if suspect[1] - suspect[0] == 1:
        culprits.add(suspect[0])
        suspect = (0, 0)
    if attempt > MOST:
        return [Culprit(f"{attempt - 1} workers ended while they scored this shard")] * len(rows)
    found: dict[int, Scored | Culprit] = {
        place: Culprit("a worker ended each time that it was scored") for place in culprits
    }
    for begin, end in _ranges(suspect, len(rows)):
        places = [place for place in range(begin, end) if place not in found]
        if places:
            note({"begin": places[0], "end": places[-1] + 1, "culprits": sorted(culprits)})
            given = isolated(score, [rows[place] for place in places])
            found |= zip(places, given, strict=True)
    return [found[place] for place in range(len(rows))]


def _ranges(suspect: tuple[int, int], size: int) -> Iterator[tuple[int, int]]:
    """Yields the halves of what is suspected first, then everything."""
    begin, end = suspect
    middle = (begin + end) // 2
    yield from ((begin, middle), (middle, end))
    for start in range(0, size, AT_ONCE):
        yield start, min(start + AT_ONCE, size)
