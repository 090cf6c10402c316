"""A picture: drawn without pyplot, which would keep it for ever, in words for those who do not see it, as SVG that
follows a light or dark page or as PNG, and the axes of ROC curves.
"""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from probe.audit.metrics import Vector

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

INK, RAISED = "#000000", "#fefefe"  # INK becomes the page's own colour in SVG
COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#e69f00",
)  # Okabe and Ito's, told apart by the colour-blind
_STYLE = (
    "<style>svg{color:#1b1b1b;background:#fff}text{fill:currentColor}"
    "@media(prefers-color-scheme:dark){svg{color:#e6e6e6;background:#16181c}}</style>"
)


@dataclass(frozen=True, slots=True, eq=False)
class Plot:
    """name: of the file. description: what it shows, for those who do not see it."""

    name: str
    title: str
    description: str
    canvas: Canvas


@dataclass(frozen=True, slots=True)
class Picture:
    """A plot as SVG, which keeps no canvas. In a page it is an image, so that ids of several cannot meet."""

    name: str
    title: str
    description: str
    svg: str

    @property
    def data(self) -> str:
        return b64encode(self.svg.encode()).decode()


def laid_out(drawn: list[Plot]) -> list[Plot]:
    """Returns the pictures, laid out once, so that every file of one is the same."""
    for plot in drawn:
        plot.canvas.draw_without_rendering()
        plot.canvas.set_layout_engine("none")
    return drawn


def svg(plot: Plot) -> str:
    """Returns the picture as SVG with a title and a description, its text as text."""
    import matplotlib

    file = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": plot.name}):
        plot.canvas.savefig(file, format="svg", transparent=True, metadata={"Title": plot.title, "Date": None})
    drawn = file.getvalue().replace(INK, "currentColor").replace("'DejaVu Sans'", "'DejaVu Sans', sans-serif")
    head, title, rest = drawn.partition("</title>")
    head = head.replace("<svg ", '<svg role="img" ')
    return f"{head}{title}<desc>{escape(plot.description)}</desc>{_STYLE}{rest}"


def picture(plot: Plot) -> Picture:
    return Picture(plot.name, plot.title, plot.description, svg(plot))


def png(plot: Plot) -> bytes:
    """Returns the picture as PNG, on white."""
    file = io.BytesIO()
    plot.canvas.savefig(file, format="png", dpi=150, metadata={"Title": plot.title, "Description": plot.description})
    return file.getvalue()


def new_axes(width: float, height: float) -> tuple[Canvas, Axes]:
    """Returns an empty picture and its axes; width, height: inches."""
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(width, height), layout="constrained")
    return canvas, canvas.add_subplot()


def frame(axes: Axes, corner: Sequence[float], title: str, legend: str) -> None:
    """Makes log-log axes for ROC curves; corner: the least FPR and TPR that have a place on them."""
    axes.plot([min(corner), 1], [min(corner), 1], color=INK, linewidth=0.6, label="chance 0.500")
    axes.set(
        xscale="log", yscale="log", xlim=(corner[0], 1), ylim=(corner[1], 1.05), xlabel="false-positive rate",
        ylabel="true-positive rate", title=title,
    )  # fmt: skip
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
    axes.grid(color=INK, alpha=0.15, linewidth=0.5)
    axes.legend(title=legend, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=8)


def curve(
    axes: Axes, rates: tuple[Vector, Vector], corner: Sequence[float], label: str, line: str, colour: str, width: float
) -> None:  # fmt: skip
    """Draws a ROC: FPR and TPR (metrics.roc)."""
    fpr, tpr = map(np.maximum, rates, corner)
    axes.plot(fpr, tpr, drawstyle="steps-post", linestyle=line, color=colour, linewidth=width, label=label)
