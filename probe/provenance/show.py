"""Checks for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text as Line

from probe.provenance.checks import Check, Outcome, outcome
from probe.provenance.record import Record
from probe.show import console, excerpt

_FEW = 3  # records whose every check is shown
_WIDEST = 300  # characters of a cell
_WORDS = {Outcome.REPRODUCED: "same", Outcome.DIFFERS: "differs", Outcome.UNCHECKED: "not checked"}
_COLOURS = {Outcome.REPRODUCED: "green", Outcome.DIFFERS: "bold red", Outcome.UNCHECKED: "yellow"}


def table(records: Sequence[Record], checked: Sequence[Sequence[Check]]) -> None:
    """Prints a table per record: then, now, and whether they are the same; of many records only what is not."""
    for record, checks in zip(records, checked, strict=True):
        shown = [check for check in checks if len(records) <= _FEW or check.outcome is not Outcome.REPRODUCED]
        if not shown:
            continue
        grid = Table("what", "then", "now", "", title=_line(record.name), title_justify="left")
        for check in shown:
            style = _COLOURS[check.outcome] if check.counts else "default"
            answer = Line(_WORDS[check.outcome], style=style)
            grid.add_row(_line(check.what), _line(check.then), _line(check.now), answer)
        console.print(grid)


def _line(value: str) -> Line:
    """A record may come from anybody: no markup, no terminal codes."""
    return Line(excerpt(value, _WIDEST))


def summary(checked: Sequence[Sequence[Check]], tolerance: float) -> str:
    """Says how many records were reproduced."""
    found = Counter(outcome(checks) for checks in checked)
    return (
        f"{found[Outcome.REPRODUCED]:,} of {len(checked):,} results reproduced within {tolerance:g}, "
        f"{found[Outcome.DIFFERS]:,} differ, {found[Outcome.UNCHECKED]:,} could not be checked."
    )
