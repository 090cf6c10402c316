"""Personal data for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text as Line

from probe.memorization.extraction import counted
from probe.memorization.pii.files import CAUTION, row, sentences
from probe.memorization.pii.investigate import Datum
from probe.show import console
from probe.types import Text

_SHOWN = 30


def data(found: Sequence[Datum], texts: Sequence[Text], values: bool) -> None:
    """Prints the most exposed values."""
    for sentence in sentences(found):
        console.print(Line(sentence))
    grid = Table(
        "text", "kind", "value", "exposure", "reference", "log10 p_z", "samples, 50%", box=None, padding=(0, 1, 0, 0)
    )
    rows = [row(datum, texts, values) for datum in found[:_SHOWN]]
    for one in rows:
        figures = [one[name] for name in ("exposure", "reference_exposure", "log10_p_z")]
        said = [f"{value:,.2f}" if value is not None else "" for value in figures]
        said.append(counted(one["samples_50%"]) if one["samples_50%"] is not None else "")
        grid.add_row(*map(Line, (one["text"], one["kind"], one["value"], *said)))
    if found:
        console.print(grid)
        for reason in dict.fromkeys(one["reason"] for one in rows if one["reason"]):
            without = ", ".join(dict.fromkeys(str(one["text"]) for one in rows if one["reason"] == reason))
            console.print(Line(f"No rank in {without}: {reason}."))
        console.print(Line(CAUTION, style="yellow"))
