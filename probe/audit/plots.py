"""An evaluation's pictures: ROC curves on log-log axes, the default score's histogram, the correlation of the scores.

Log-log axes, because the low false-positive rates are those that matter (Carlini et al. 2022, 2112.03570). A picture
says in words what it shows, follows a light or dark page, and is drawn without pyplot, which would keep it for ever.
"""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import cycle, product
from typing import TYPE_CHECKING, Any

import numpy as np

from probe.audit.evaluate import BLIND, Evaluation, as_values
from probe.audit.figures import short
from probe.audit.metrics import Figure, Vector, roc

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_FEWEST = 10  # texts that a rank correlation is shown of
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


def plots(found: Evaluation) -> list[Plot]:
    """Returns the pictures that this evaluation has the texts for."""
    return laid_out([plot for plot in (_roc(found), _histogram(found), _correlation(found)) if plot])


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


def _split(found: Evaluation, values: Vector) -> tuple[Vector, Vector]:
    """Returns the values of members and of non-members, those that there are."""
    there = ~np.isnan(values)
    return values[there & found.member], values[there & ~found.member]


def _roc(found: Evaluation) -> Plot | None:
    curves = {name: _split(found, as_values(found.scores[name])) for name in found.compared}
    curves = {name: sides for name, sides in curves.items() if all(map(len, sides))}
    if not curves:
        return None
    canvas, axes = new_axes(8, 5)
    sides = _split(found, found.words)
    corner = [0.5 / len(side) for side in (sides[1], sides[0])]  # stands for 0, which has no place on a log axis
    said = {name: found.figures[name].auc for name in curves} | {BLIND: found.blind.auc}
    order = sorted(curves, key=lambda name: -_value(said[name]))
    looks = cycle(product(("-", "--", "-."), COLOURS))
    for name in order:
        line, colour = next(looks)
        curve(
            axes,
            curves[name],
            corner,
            f"{name} {short(said[name])}",
            line,
            colour,
            2.6 if name == found.default else 1.4,
        )
    curve(axes, sides, corner, f"words alone {short(said[BLIND])}", ":", INK, 2.6)
    frame(axes, corner, "ROC, log-log", "score, AUC")
    areas = ", ".join(f"{name} {short(said[name])}" for name in order)
    words = f"True-positive against false-positive rate of {len(order)} scores, and of the words alone. AUC: {areas}, "
    words += f"words alone {short(said[BLIND])}."
    return Plot("roc", "ROC curves on log-log axes", words, canvas)


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
    axes: Axes, sides: tuple[Vector, Vector], corner: Sequence[float], label: str, line: str, colour: str, width: float
) -> None:  # fmt: skip
    """Draws the ROC of members' and non-members' scores."""
    fpr, tpr = (np.maximum(rate, least) for rate, least in zip(roc(*sides), corner, strict=True))
    axes.plot(fpr, tpr, drawstyle="steps-post", linestyle=line, color=colour, linewidth=width, label=label)


def _histogram(found: Evaluation) -> Plot | None:
    if found.default not in found.compared:
        return None
    members, nonmembers = _split(found, as_values(found.scores[found.default]))
    canvas, axes = new_axes(8, 4)
    edges = np.histogram_bin_edges(np.concatenate([members, nonmembers]), bins=40)
    looks: tuple[dict[str, Any], ...] = (
        {"histtype": "stepfilled", "color": COLOURS[1], "alpha": 0.6},
        {"histtype": "step", "edgecolor": COLOURS[0], "linewidth": 1.8, "hatch": "///", "facecolor": "none"},
    )
    for values, name, look in zip((members, nonmembers), ("members", "non-members"), looks, strict=True):
        axes.hist(values, bins=list(edges), label=f"{len(values):,} {name}", **look)
    axes.set(
        xlabel=f"{found.default} (higher: likelier a member)", ylabel="texts", title=f"Histogram of {found.default}"
    )
    axes.legend(frameon=False)
    middles = [
        f"{name} {np.median(side):.3g}"
        for name, side in (("members", members), ("non-members", nonmembers))
        if len(side)
    ]
    words = f"Counts of members and non-members by the score {found.default}. Medians: {', '.join(middles)}."
    return Plot("histogram", f"Histogram of {found.default}", words, canvas)


def _correlation(found: Evaluation) -> Plot | None:
    names, size = found.compared, len(found.compared)
    if size < 2 or len(found.member) < _FEWEST:
        return None
    canvas, axes = new_axes(2.4 + 0.5 * size, 1.8 + 0.42 * size)
    values = np.array([[np.nan if value is None else value for value in row] for row in found.correlation])
    axes.pcolormesh(np.ma.masked_invalid(values), cmap="RdBu_r", vmin=-1, vmax=1)
    for (row, column), value in np.ndenumerate(values):
        text, colour = ("-", INK) if np.isnan(value) else (f"{value:.2f}", "#111111" if abs(value) < 0.6 else RAISED)
        axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=7, color=colour)
    axes.set_xticks(np.arange(size) + 0.5, names, rotation=60, ha="right", fontsize=8)
    axes.set_yticks(np.arange(size) + 0.5, names, fontsize=8)
    axes.invert_yaxis()
    axes.set_title("Rank correlation of the scores", fontsize=10)
    above = {(names[i], names[j]): values[i, j] for i in range(size) for j in range(i) if np.isfinite(values[i, j])}
    words = f"Spearman's rank correlation of {size} scores with each other."
    if above:
        most, least = max(above, key=above.__getitem__), min(above, key=above.__getitem__)
        words += f" Most alike: {most[1]} and {most[0]} ({above[most]:.2f})."
        words += f" Least: {least[1]} and {least[0]} ({above[least]:.2f})."
    return Plot("correlation", "Rank correlation of the scores", words, canvas)


def _value(figure: object) -> float:
    return figure.value if isinstance(figure, Figure) else -1.0
