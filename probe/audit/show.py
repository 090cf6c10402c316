"""An evaluation for a terminal: the caution first, then what it shows, then the table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text as Line

from probe.audit.evaluate import Evaluation, reasons
from probe.audit.figures import Measured
from probe.audit.gate import Outcome
from probe.audit.metrics import Figure
from probe.audit.report import cells
from probe.audit.summary import caution, sentences
from probe.show import console


def figures(found: Evaluation, outcomes: Sequence[Outcome] = ()) -> None:
    """Prints the evaluation; each column's head names what the words alone give."""
    if why := caution(found):
        console.print(Line(why, style="bold yellow"))
    for sentence in sentences(found):
        console.print(Line(sentence))
    console.print(_table(found))
    absent = [f"{name}: {reason}." for name, reason in found.absent.items()]
    for line in (*absent, *_gaps(found), *_refusals(found)):
        console.print(Line(line))
    for outcome in outcomes:
        said, style = ("Kept", "green") if outcome.kept else ("Not kept", "red")
        console.print(Line(f"{said}: {outcome.reason}.", style=style))


def _table(found: Evaluation) -> Table:
    grid = Table("score", box=None, padding=(0, 1, 0, 0))
    for name, blind in cells(found.blind).items():
        known = f"blind {_short(blind.value)}" if isinstance(blind, Figure) else ""
        head = "\n".join(name.replace(" at ", "@").split())
        grid.add_column(f"{head}\n{known}", vertical="bottom")
    grid.add_row("words alone", *map(_cell, cells(found.blind).values()), style="italic")
    for name in found.compared:
        style = "bold" if name == found.default else ""
        grid.add_row(name, *map(_cell, cells(found.figures[name]).values()), style=style)
    return grid


def _cell(figure: Measured) -> str:
    if not isinstance(figure, Figure):
        return "-"
    return f"{_short(figure.value)}\n[{_short(figure.low)} {_short(figure.high)}]"


def _short(value: float) -> str:
    return f"{value:.3f}".replace("0.", ".")


def _gaps(found: Evaluation) -> list[str]:
    """Returns how many texts a score rests on where others were scored without it, and why most of those lack it."""
    members, every = int(found.member[found.scored].sum()), int(found.scored.sum())
    said = []
    for name in found.compared:
        figures = found.figures[name]
        if figures.members + figures.nonmembers < every:
            lacking = [score for score, scored in zip(found.scores[name], found.scored, strict=True) if scored]
            said.append(
                f"{name} rests on {figures.members:,} of {members:,} members and {figures.nonmembers:,} of "
                f"{every - members:,} non-members; of the others most lack it for this: {next(iter(reasons(lacking)))}."
            )
    return said


def _refusals(found: Evaluation) -> list[str]:
    """Returns why a figure is missing; of several scores that lack it, the first one's reason."""
    every = [found.blind, *(found.figures[name] for name in found.compared)]
    missing = [(name, figure) for row in every for name, figure in cells(row).items()]
    reasons = {name: figure.reason for name, figure in reversed(missing) if not isinstance(figure, Figure)}
    return [f"{name} {reason}." for name, reason in reasons.items()]
