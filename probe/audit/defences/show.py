"""The audit for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text as Line

from probe.audit.defences.judge import ATTACK, Outcome
from probe.audit.defences.table import row, sentences
from probe.audit.figures import short
from probe.show import console


def table(found: Sequence[Outcome]) -> None:
    """Prints a row per defence; figures' intervals stand in the report."""
    for sentence in sentences(found):
        console.print(Line(sentence))
    grid = Table(box=None, padding=(0, 1, 0, 0))
    for head in (
        "defence",
        "perplexity",
        "AUC",
        "TPR\n@FPR 1%",
        "TPR\n@FPR .1%",
        "epsilon\npromised",
        "epsilon\nshown",
    ):
        grid.add_column(head, vertical="bottom")
    for one in found:
        figures, said = one.figures[ATTACK], row(one)
        grid.add_row(
            one.arm, f"{one.perplexity:.2f}", said["AUC"].replace(" [", "\n["), *map(short, figures.tpr.values()),
            said["epsilon promised"].replace(" (", "\n("), said["epsilon shown"],
        )  # fmt: skip
    console.print(grid)
