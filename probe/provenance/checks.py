"""Checks of a record against what is found now, and what they come to together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

LARGEST = 1e300


class Outcome(IntEnum):
    """What a check, or all of them together, came to; also the command's exit code."""

    REPRODUCED = 0
    DIFFERS = 1
    UNCHECKED = 2


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison. then, now: as they are shown. A condition that is another is told and does not count."""

    what: str
    outcome: Outcome
    then: str = ""
    now: str = ""
    counts: bool = True


def outcome(checks: Sequence[Check]) -> Outcome:
    """Returns what the checks of one record come to together."""
    return worst([check.outcome for check in checks if check.counts])


def worst(outcomes: Sequence[Outcome]) -> Outcome:
    """Returns the one that decides: a difference is a difference, whatever else could not be checked."""
    return next((one for one in (Outcome.DIFFERS, Outcome.UNCHECKED) if one in outcomes), Outcome.REPRODUCED)


def same(what: str, then: object, now: object, *, counts: bool = True) -> Check:
    """Returns a check for equality."""
    return Check(what, Outcome.REPRODUCED if then == now else Outcome.DIFFERS, short(then), short(now), counts)


def close(what: str, then: Any, now: Any, tolerance: float) -> Check:
    """Returns a check for figures within a tolerance; both may be missing."""
    found = Outcome.REPRODUCED if alike(then, now, tolerance) else Outcome.DIFFERS
    return Check(what, found, short(then), short(now))


def alike(then: Any, now: Any, tolerance: float) -> bool:
    if is_figure(then) and is_figure(now):
        return bool(abs(then - now) <= tolerance)
    return then is None and now is None


def is_figure(value: Any) -> bool:
    """A record may hold integers that no float holds."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST


def short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {short(entry)}" for name, entry in value.items())
    text = "none" if value is None else str(value)
    return text[:19] + "..." if text.startswith("sha256:") else text
