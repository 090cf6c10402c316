"""An audit's pictures: how far each text lies from retrained models, and the effect with its interval and margin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from probe.audit.deletion.result import Deletion
from probe.audit.deletion.together import Together
from probe.audit.metrics import Figure, Vector
from probe.audit.picture import COLOURS, INK, Plot, laid_out, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BINS = 40
_ASIDE = 0.5  # percent of the values on each side that the picture leaves out


def plots(found: Deletion) -> list[Plot]:
    """Returns the pictures that there are the texts for."""
    drawn = [_texts(found)]
    if isinstance(found.together, Together):
        drawn.append(_effect(found, found.together))
    return laid_out(drawn)


def _texts(found: Deletion) -> Plot:
    groups = _groups(found)
    canvas, axes = new_axes(8, 4.5)
    every = np.concatenate(list(groups.values()))
    low, high = (float(end) for end in np.percentile(every, [_ASIDE, 100 - _ASIDE]))
    edges = np.histogram_bin_edges([low, high], bins=_BINS)
    looks: tuple[dict[str, Any], ...] = (
        {"color": COLOURS[1], "linewidth": 1.8, "linestyle": "--"},
        {"color": COLOURS[0], "linewidth": 2.4},
        {"color": COLOURS[2], "linewidth": 1.4, "linestyle": "-."},
        {"color": INK, "linewidth": 1.4, "linestyle": ":"},
    )
    for (name, values), look in zip(groups.items(), looks, strict=False):
        weights = np.full(len(values), 1 / len(values))
        axes.hist(np.clip(values, low, high), bins=list(edges), weights=weights, histtype="step", label=name, **look)
    axes.axvline(0, color=INK, linewidth=0.6)
    title = "Single texts against models retrained without them"
    axes.set(xlabel="nats per token above the retrained models' mean", ylabel="share of texts", title=title)
    axes.legend(frameon=False, fontsize=8)
    middles = ", ".join(f"{name} {np.median(values):.3f}" for name, values in groups.items())
    words = (
        "How much likelier than under the mean of the retrained models each text is, nats per token, each model less "
    )
    return Plot("texts", title, words + f"its mean over unseen texts. Medians: {middles}.", canvas)


def _groups(found: Deletion) -> dict[str, Vector]:
    """Returns what is drawn, by its name in the legend."""
    phi = found.phi.centred(~found.deleted)
    groups = {
        "before, deleted texts": phi.earlier[found.deleted],
        "after, deleted texts": phi.change[found.deleted],
        "after, unseen texts": phi.change[~found.deleted],
    }
    if len(phi.retrained) > 1:
        others = (phi.retrained.sum(0) - phi.retrained) / (len(phi.retrained) - 1)
        groups["each retrained against the others, deleted texts"] = (phi.retrained - others)[:, found.deleted].ravel()
    return groups


def _effect(found: Deletion, whole: Together) -> Plot:
    alpha = found.options.alpha
    rows = {"before": whole.earlier, "after": whole.effect}
    rows |= {
        f"retrained {n}" if len(whole.placebos) > 1 else "retrained": one for n, one in enumerate(whole.placebos, 1)
    }
    canvas, axes = new_axes(8, 1.4 + 0.4 * len(rows))
    if whole.same.nats:
        band = f"margin: {found.options.margin}"
        axes.axvspan(-whole.same.nats, whole.same.nats, color=COLOURS[4], alpha=0.3, linewidth=0, label=band)
    axes.axvline(0, color=INK, linewidth=0.6)
    for place, one in enumerate(rows.values()):
        colour = (COLOURS[1], COLOURS[0])[place] if place < 2 else INK
        _bar(axes, -place, one.interval(1 - alpha), one.interval(1 - 2 * alpha), colour)
    axes.set_yticks([-place for place in range(len(rows))], list(rows))
    title = "All deleted texts against unseen ones, beyond retrained models"
    axes.set(xlabel="effect, nats per token", title=title, ylim=(0.6 - len(rows), 0.6))
    if whole.same.nats:
        axes.legend(frameon=False, fontsize=8, loc="best")
    said = ", ".join(f"{name} {one.interval(1 - alpha):.4f}" for name, one in rows.items())
    words = f"Effects with {100 * (1 - alpha):g}% intervals, thick {100 * (1 - 2 * alpha):g}%, nats per token: {said}."
    return Plot("effect", title, words + (f" Margin: {whole.same.nats:.4f}." if whole.same.nats else ""), canvas)


def _bar(axes: Axes, height: float, wide: Figure, narrow: Figure, colour: str) -> None:
    axes.plot([wide.low, wide.high], [height] * 2, color=colour, linewidth=1.4)
    axes.plot([narrow.low, narrow.high], [height] * 2, color=colour, linewidth=4)
    axes.plot([wide.value], [height], marker="o", color=colour)
