"""The strip over a document: how much likelier each passage is under the target, and where windows can be extracted."""

from __future__ import annotations

import math

import numpy as np

from probe.audit.picture import COLOURS, INK, Plot, laid_out, new_axes
from probe.memorization.examine import Examined
from probe.memorization.extraction import LEVELS
from probe.memorization.scan import Reading

_FLOOR = 1e-12  # p_z below which a window is drawn at the bottom


def plots(found: Examined) -> list[Plot]:
    every = [_gains(found)] if found.scan.reference else []
    return laid_out([*every, _windows(found)])


def _gains(found: Examined) -> Plot:
    canvas, axes = new_axes(10, 2.6)
    values = np.nan_to_num(found.gains)
    edges = np.array([one.start for one in found.passages] + [found.passages[-1].end]) / len(found.document.text)
    axes.bar(edges[:-1], values, np.diff(edges), align="edge", color=COLOURS[0], linewidth=0)
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.set(xlim=(0, 1), xlabel="position in the document", ylabel="nats per token")
    axes.set_title("How much likelier each passage is under the target than under the reference")
    high = sorted(range(len(values)), key=lambda place: -values[place])[:5]
    where = "; ".join(f"{found.passages[place].place} ({values[place]:.2f})" for place in high)
    return Plot("strip", "The document as a strip", f"Difference by passage, nats per token. Highest: {where}.", canvas)


def _windows(found: Examined) -> Plot:
    canvas, axes = new_axes(10, 2.6)
    readings = {"target": found.scan.target, "reference": found.scan.reference}
    for (name, reading), colour, marker in zip(readings.items(), COLOURS, "o^", strict=False):
        if reading is not None:
            places, heights = _points(found, reading)
            axes.plot(places, heights, linestyle="", marker=marker, markersize=3, color=colour, label=name)
    for level in LEVELS:
        axes.axhline(level, color=INK, linewidth=0.5, linestyle=":")
    axes.set(xlim=(0, 1), ylim=(_FLOOR / 2, 1.5), yscale="log", xlabel="position in the document", ylabel="p_z")
    axes.set_title("Probability of the suffix behind its prefix")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=8)
    shares = ", ".join(f"{found.scan.share(found.scan.target, level):.2%} at {level:g}" for level in LEVELS)
    words = f"p_z of each window that was scored exactly, target and reference. Share of the text, target: {shares}."
    return Plot("windows", "Windows that can be extracted", words, canvas)


def _points(found: Examined, reading: Reading) -> tuple[list[float], list[float]]:
    scored = np.flatnonzero(found.scan.scored)
    places = [found.scan.characters(int(window))[1] / len(found.document.text) for window in scored]
    heights = [max(_FLOOR, math.exp(max(-700.0, float(reading.log_p[window])))) for window in scored]
    return places, heights
