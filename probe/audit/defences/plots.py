"""Pictures: ROC curves under the bounds that training promised, what privacy costs in perplexity, and what over-fitting
gives away.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import cycle, product

import numpy as np

from probe.audit.defences.judge import ATTACK, Outcome
from probe.audit.figures import short
from probe.audit.metrics import Figure, roc
from probe.audit.picture import COLOURS, INK, Plot, curve, frame, laid_out, new_axes
from probe.audit.privacy import allowed


def plots(found: Sequence[Outcome]) -> list[Plot]:
    return laid_out([_roc(found), _cost(found)])


def _roc(found: Sequence[Outcome]) -> Plot:
    canvas, axes = new_axes(8, 5)
    least = min(0.5 / len(side) for outcome in found for side in outcome.values[ATTACK])
    fprs = np.geomspace(least, 1, 200)
    looks = cycle(product(("-", "-."), COLOURS))
    for outcome in found:
        line, colour = next(looks)
        label = f"{outcome.arm} {short(outcome.figures[ATTACK].auc)}"
        curve(axes, roc(*outcome.values[ATTACK]), (least, least), label, line, colour, 1.4)
        if outcome.promise:
            bound = np.maximum(allowed(fprs, *outcome.promise), least)
            axes.plot(fprs, bound, linestyle=":", color=colour, linewidth=1.4, label=f"bound of {outcome.arm}")
    frame(axes, (least, least), f"ROC of {ATTACK}, log-log", "defence, AUC")
    areas = ", ".join(f"{one.arm} {short(one.figures[ATTACK].auc)}" for one in found)
    words = (
        f"True-positive against false-positive rate of {ATTACK} under each defence, and the highest that the epsilon "
    )
    words += f"of a private training allows, dotted. AUC: {areas}."
    return Plot("roc", "ROC curves on log-log axes", words, canvas)


def _cost(found: Sequence[Outcome]) -> Plot:
    canvas, axes = new_axes(8, 4)
    for outcome, (marker, colour) in zip(found, cycle(product("osD^", COLOURS)), strict=False):
        area = outcome.figures[ATTACK].auc
        if not isinstance(area, Figure):
            continue
        spread = [[area.value - area.low], [area.high - area.value]]
        axes.errorbar(
            [outcome.perplexity], [area.value], yerr=spread, fmt=marker, color=colour, capsize=3, label=outcome.arm
        )
    axes.axhline(0.5, color=INK, linewidth=0.6)
    axes.set(xlabel="held-out perplexity", ylabel=f"AUC of {ATTACK}", title="What a defence costs")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=8)
    pairs = ", ".join(f"{one.arm} {one.perplexity:.2f} and {short(one.figures[ATTACK].auc)}" for one in found)
    return Plot("cost", "Privacy against usefulness", f"Held-out perplexity and AUC of {ATTACK}: {pairs}.", canvas)


def curves(found: Sequence[Outcome]) -> list[Plot]:
    """Returns success against over-fitting (Yeom et al. 2018), and ROC curves; outcomes in order of their epochs."""
    return laid_out([_overfitting(found), _roc(found)])


def _overfitting(found: Sequence[Outcome]) -> Plot:
    canvas, axes = new_axes(8, 4.5)
    gaps = [math.log(one.perplexity / one.fitted) for one in found]
    looks = cycle(zip("osD^v", COLOURS, strict=False))
    for name in found[0].figures:
        marker, colour = next(looks)
        areas = [one.figures[name].auc for one in found]
        points = [(gap, area) for gap, area in zip(gaps, areas, strict=True) if isinstance(area, Figure)]
        if not points:
            continue
        heights = [area.value for _, area in points]
        spread = np.array([[area.value - area.low, area.high - area.value] for _, area in points]).T
        axes.errorbar(
            [gap for gap, _ in points], heights, yerr=spread, marker=marker, color=colour, capsize=3, label=name
        )
    for gap, one in zip(gaps, found, strict=True):
        axes.annotate(one.arm, (gap, 0.5), rotation=60, fontsize=8, xytext=(0, 4), textcoords="offset points")
    axes.axhline(0.5, color=INK, linewidth=0.6)
    axes.set(xlabel="over-fitting: held-out loss less its own, nats per token", ylabel="AUC")
    axes.set_title("Success of attacks as training goes on")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=8)
    said = [f"{one.arm} {gap:.3f} nats, {short(one.figures[ATTACK].auc)}" for gap, one in zip(gaps, found, strict=True)]
    words = f"AUC of each attack against over-fitting. Over-fitting and AUC of {ATTACK}: {'; '.join(said)}."
    return Plot("overfitting", "Success of attacks against over-fitting", words, canvas)
