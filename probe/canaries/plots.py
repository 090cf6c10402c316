"""One picture of all canaries: their exposure beside what chance alone would give."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from probe.audit.metrics import Vector
from probe.audit.picture import COLOURS, INK, Plot, laid_out, new_axes
from probe.canaries.rank import Ranked
from probe.show import excerpt

_DRAWS = 4000
_NAMED = 30  # canaries that there is room for to name


def exposures(ranked: Sequence[Ranked]) -> Plot:
    """Draws the exposure of each canary, the highest first, on the band of 95% of fair draws."""
    order = sorted(ranked, key=lambda one: (-one.exposure, one.id))
    low, mean, high = chance([one.size for one in order])
    places, most = np.arange(1, len(order) + 1), max(np.log2(one.size) for one in order)
    canvas, axes = new_axes(8, 4.5)
    edges = np.arange(len(order) + 1) + 0.5
    axes.stairs(high, edges, baseline=low, fill=True, color=COLOURS[0], alpha=0.2, label="95% of fair draws")
    axes.stairs(mean, edges, baseline=None, color=COLOURS[0], linewidth=1.6, linestyle="--", label="their mean")
    axes.plot(places, [one.exposure for one in order], "o", color=COLOURS[1], label="canaries")
    axes.axhline(most, color=INK, linewidth=0.6, linestyle=":", label="the most that can be seen")
    axes.set(
        xlabel="canaries, the highest first", ylabel="exposure, bits", title="Exposure of each canary",
        ylim=(-0.03 * most, 1.05 * most),
    )  # fmt: skip
    if len(order) <= _NAMED:
        names = [excerpt(one.id, 24).encode("ascii", "replace").decode() for one in order]  # what any font can draw
        axes.set_xticks(places, names, rotation=60, ha="right", fontsize=8, parse_math=False)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=8)
    middle = float(np.median([one.exposure for one in order]))
    words = (
        f"Exposure of {len(order)} canaries in bits, the highest first, beside what fair draws give a model that read "
        f"none of them. Median {middle:.1f} bits; chance gives {float(np.median(mean)):.1f}, the most is {most:.1f}."
    )
    return laid_out([Plot("exposure", "Exposure of each canary", words, canvas)])[0]


def chance(sizes: Sequence[int]) -> tuple[Vector, Vector, Vector]:
    """Returns 2.5%, mean and 97.5% of the sorted exposures of fair draws, bits [canaries] each."""
    ranks = np.random.default_rng(0).integers(1, np.array(sizes) + 1, (_DRAWS, len(sizes)))
    found = -np.sort(-np.log2(np.array(sizes) / ranks), axis=1)
    return np.quantile(found, 0.025, axis=0), found.mean(0), np.quantile(found, 0.975, axis=0)
