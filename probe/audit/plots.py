"""An evaluation's pictures: ROC curves on log-log axes, the default score's histogram, the correlation of the scores.

Log-log axes, because the low false-positive rates are those that matter (Carlini et al. 2022, 2112.03570).
"""

from __future__ import annotations

from itertools import cycle, product
from typing import Any

import numpy as np

from probe.audit.evaluate import BLIND, Evaluation, as_values
from probe.audit.figures import short
from probe.audit.metrics import Figure, Vector, roc
from probe.audit.picture import COLOURS, INK, RAISED, Plot, curve, frame, laid_out, new_axes

_FEWEST = 10  # texts that a rank correlation is shown of


def plots(found: Evaluation) -> list[Plot]:
    """Returns the pictures that this evaluation has the texts for."""
    return laid_out([plot for plot in (_roc(found), _histogram(found), _correlation(found)) if plot])


def _split(found: Evaluation, values: Vector) -> tuple[Vector, Vector]:
    """Returns the values of members and of non-members, those that there are."""
    there = ~np.isnan(values)
    return values[there & found.member], values[there & ~found.member]


def _roc(found: Evaluation) -> Plot | None:
    split = {name: _split(found, as_values(found.scores[name])) for name in found.compared}
    curves = {name: roc(*sides) for name, sides in split.items() if all(map(len, sides))}
    if not curves:
        return None
    canvas, axes = new_axes(8, 5)
    sides = _split(found, found.words)
    corner = [0.5 / len(side) for side in (sides[1], sides[0])]  # stands for 0, which has no place on a log axis
    said = {name: found.figures[name].auc for name in curves} | {BLIND: found.blind.auc}
    order = sorted(curves, key=lambda name: -_value(said[name]))
    looks = cycle(product(("-", "--", "-."), COLOURS))
    for names in _alike({name: curves[name] for name in order}):
        width = 2.6 if found.default in names else 1.4
        curve(axes, curves[names[0]], corner, f"{' = '.join(names)} {short(said[names[0]])}", *next(looks), width)
    curve(axes, roc(*sides), corner, f"words alone {short(said[BLIND])}", ":", INK, 2.6)
    frame(axes, corner, "ROC, log-log", "score, AUC")
    areas = ", ".join(f"{name} {short(said[name])}" for name in order)
    words = f"True-positive against false-positive rate of {len(order)} scores, and of the words alone. AUC: {areas}, "
    words += f"words alone {short(said[BLIND])}."
    return Plot("roc", "ROC curves on log-log axes", words, canvas)


def _alike(curves: dict[str, tuple[Vector, Vector]]) -> list[list[str]]:
    """Returns the names of curves that are one and the same together: of two, one would hide the other."""
    found: dict[bytes, list[str]] = {}
    for name, rates in curves.items():
        found.setdefault(np.concatenate(rates).tobytes(), []).append(name)
    return list(found.values())


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
