"""An examination for a terminal."""

from __future__ import annotations

from rich.padding import Padding
from rich.table import Table
from rich.text import Text as Line

from probe.documents.document import Document
from probe.memorization.continued import Continuation
from probe.memorization.examine import Examined
from probe.memorization.files import passages
from probe.memorization.findings import sentences
from probe.memorization.summary import cautions, figures
from probe.show import console, excerpt, verdict

_SHOWN = 10  # passages


def examined(found: Examined) -> None:
    """Prints what was found, figures of both models, and the passages of the greatest gain."""
    for sentence in sentences(found):
        console.print(Line(sentence))
    grid = Table("", "target", "reference", box=None, padding=(0, 1, 0, 0))
    for name, both in figures(found).items():
        grid.add_row(name, *both)
    console.print(grid)
    for row in sorted(passages(found), key=lambda row: -(row["gain"] or 0.0))[:_SHOWN]:
        head = Line(f"{row['place']}  ", style="bold").append(verdict(row["verdict"]))
        told = {"p-value": row["p_value"], "gain": row["gain"], "log10 p_z": row["log10_p_z"]}
        head.append("".join(f"  {name} {value:.3g}" for name, value in told.items() if value is not None), "default")
        console.print(head)
        console.print(Line("    " + excerpt(found.text(found.passages[row["number"] - 1]), console.width - 4)))
    for one in found.continuations:
        _continued(found.document, one)
    for caution in cautions(found):
        console.print(Line(caution, style="yellow"))


def _continued(document: Document, one: Continuation) -> None:
    """Prints what the model writes beside what stands there."""
    near = "near-verbatim" if one.near else "not near-verbatim"
    head = Line(f"{document.place(one.middle)}  ", style="bold")
    console.print(head.append(f"{near}: edit distance {one.distance:.0%}, {one.run} words in a row", "default"))
    rows = {"document": document.text[one.middle : one.end], "model": one.written or one.why}
    if one.sampled:
        rows[f"nearest of {one.sampled.count} samples, {one.sampled.near} near-verbatim"] = one.sampled.nearest
    for name, text in rows.items():
        console.print(Padding(Line(f"{name}: ", style="bold").append(" ".join(text.split()), "default"), (0, 0, 0, 4)))
