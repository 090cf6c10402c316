"""A deletion audit for a terminal: the outcome and why, what speaks against it, figures, texts that stray."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text as Line

from probe.audit.deletion.cautions import cautions, notes
from probe.audit.deletion.decide import Outcome
from probe.audit.deletion.report import COLUMNS, figures, roles, texts
from probe.audit.deletion.result import Deletion
from probe.audit.deletion.summary import limits, reason
from probe.audit.report import said
from probe.show import console

_SHOWN = 10  # single texts
_COLOURS = {Outcome.DELETED: "green", Outcome.UNSHOWN: "yellow"}


def deletion(found: Deletion) -> None:
    """Prints the audit."""
    for caution in cautions(found):
        console.print(Line(caution, style="bold yellow"))
    console.print(Line(f"{found.outcome}  ", style=_COLOURS.get(found.outcome, "bold red")))
    for sentence in (reason(found), limits(found), *notes(found)):
        console.print(Line(sentence))
    console.print(_table(("", ""), [[name, value] for name, value in figures(found).items()]))
    leaks = zip(roles(found), found.leaks, strict=True)
    console.print(_table(("model", "AUC, Min-K 40%", "TPR@FPR 1%"), [[r, said(k.auc), said(k.tpr)] for r, k in leaks]))
    console.print(_table(COLUMNS, texts(found, _SHOWN)))


def _table(columns: tuple[str, ...], rows: list[list[str]]) -> Table:
    grid = Table(*columns, box=None, padding=(0, 1, 0, 0), show_header=any(columns))
    for row in rows:
        grid.add_row(*map(Line, row))  # an id may look like markup
    return grid
