"""Personal data for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text as Line

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
    for one in [row(datum, texts, values) for datum in found[:_SHOWN]]:
        figures = [one[name] for name in ("exposure", "reference_exposure", "log10_p_z", "samples_50%")]
        said = [f"{value:,.2f}".removesuffix(".00") if value is not None else "" for value in figures]
        said[0] = one["reason"] or said[0]
        grid.add_row(*map(Line, (one["text"], one["kind"], one["value"], *said)))
    if found:
        console.print(grid)
        console.print(Line(CAUTION, style="yellow"))
