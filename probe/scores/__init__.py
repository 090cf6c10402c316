"""The scores: which to compute, and their values. Formulas stand in one file each, table.py lists them."""

from __future__ import annotations

from collections.abc import Iterable

from probe.errors import UnknownName
from probe.scores.base import Method
from probe.scores.copies import Copies
from probe.scores.table import table
from probe.scores.view import Need, Role, View
from probe.types import Score
from probe.untold import shown

PASSES = 2  # of the target: scores that take more are computed where they are named
VERSION = "2"  # of the formulas: a calibration made under another is refused
TABLE: dict[str, Method] = table()
_FEW = frozenset(
    name for name, method in TABLE.items()
    if method.passes <= PASSES and not method.prefixes and "gradient" not in method.needs
)  # fmt: skip
SHADOWED = tuple(name for name, method in TABLE.items() if "shadows" in method.needs)
NOT_REQUESTED = Score(reason="not requested")


def choose(names: Iterable[str] | None) -> frozenset[str]:
    """Returns the ids to compute, by default those of few passes. Raises UnknownName."""
    chosen = _FEW if names is None else frozenset(names)
    if unknown := sorted(chosen - TABLE.keys()):
        said = ", ".join(shown(name, "so") for name in unknown)
        raise UnknownName(f"No score named {said}. There are: {', '.join(TABLE)}.", "scores")
    return chosen


def copies_for(chosen: frozenset[str]) -> dict[str, Copies]:
    """Returns the copies that these scores read, by name."""
    found = [TABLE[name].copies for name in sorted(chosen)]
    return {copies.name: copies for copies in found if copies}


def compared_for(chosen: frozenset[str]) -> set[str]:
    """Returns the names of the copies that the reference reads too."""
    return {copies.name for name in chosen if TABLE[name].compared and (copies := TABLE[name].copies)}


def needed(need: Need, chosen: frozenset[str]) -> bool:
    """True where one of these scores needs this."""
    return any(need in TABLE[name].needs for name in chosen)


def prefixes_for(chosen: frozenset[str]) -> list[Role]:
    """Returns the roles of the prefixes that these scores read behind."""
    return sorted({role for name in chosen for role in TABLE[name].prefixes})


def score_all(view: View, chosen: frozenset[str]) -> dict[str, Score]:
    """Returns every row of the table; those not chosen say so."""
    return {name: method.of(view) if name in chosen else NOT_REQUESTED for name, method in TABLE.items()}
