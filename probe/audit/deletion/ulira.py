"""U-LiRA: who has unlearned and retrained models of his own, can he tell from a text's phi which of both another one
is?

llr = log N(phi; mu_after, sd_after) - log N(phi; mu_retrained, sd_retrained), means of the text's own, standard
deviations pooled over texts, each from its own side, and as the mean of n models is uncertain, sd^2 (1 + 1/n) (Hayes
et al. 2024, 2403.01218). A model must not be judged by means that it is part of: each pair of one model after and one
retrained is held out in turn, and the attacker wins where the one after has the higher ratio. Where the deletion
leaves nothing, both are draws of one law and he wins half of the time, whatever the number of models. All figures are
less each model's mean over unseen texts. Traces and over-forgetting both let him win.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np

from probe.audit.deletion.by_model import ByModel
from probe.audit.deletion.effect import FEWEST, Units, contrast
from probe.audit.metrics import Figure, Vector
from probe.scores.shadowed import Flags
from probe.shadow.pool import side
from probe.types import Unscored

_FEW = Unscored("takes two or more models after the deletion and as many retrained ones")


@dataclass(frozen=True, slots=True, eq=False)
class Attack:
    """llr: of each deleted text, nats, the mean over models after, [deleted]. deleted, unseen: share of pairs that the
    attacker tells apart; unseen: what he wins where there is nothing to find. p, and the width of deleted's interval:
    of their difference.
    """

    llr: Vector
    deleted: Figure
    unseen: float
    p: float


def attack(phi: ByModel, deleted: Flags, units: Units, confidence: float) -> Attack | Unscored:
    centred = phi.centred(~deleted)
    if min(len(phi.after), len(phi.retrained)) < 2:
        return _FEW
    counts = [len(np.unique(units[group])) for group in (deleted, ~deleted)]
    if min(counts) < FEWEST:
        return Unscored(f"takes at least {FEWEST} deleted and as many unseen texts; there are {counts[0]}, {counts[1]}")
    llr, wins = ratios(centred.after, centred.retrained)
    found = contrast(wins, deleted, units)
    base = float(wins[~deleted].mean())
    interval = found.interval(confidence)
    ends = (min(1.0, max(0.0, base + end)) for end in (interval.value, interval.low, interval.high))
    return Attack(llr[deleted], Figure(*ends), base, found.p)


def ratios(after: Vector, retrained: Vector) -> tuple[Vector, Vector]:
    """Returns the mean llr of models after, and the share of pairs that are told apart, ties half; [texts] each.

    after, retrained: [models, texts], two models of each at least.
    """
    sds = [side(group, np.ones(group.shape, bool)).sd for group in (after, retrained)]
    llr, wins = np.zeros(after.shape[1]), np.zeros(after.shape[1])
    pairs = list(product(range(len(after)), range(len(retrained))))
    for one, other in pairs:
        known = np.delete(after, one, 0), np.delete(retrained, other, 0)
        mine, theirs = (
            _log_density(held, known[0], sds[0]) - _log_density(held, known[1], sds[1])
            for held in (after[one], retrained[other])
        )
        llr += mine / len(pairs)
        wins += np.where(mine == theirs, 0.5, mine > theirs) / len(pairs)
    return llr, wins


def _log_density(phi: Vector, models: Vector, sd: float) -> Vector:
    """Of the normal law; the constant cancels in the ratio."""
    sd *= math.sqrt(1 + 1 / len(models))
    return np.asarray(-0.5 * ((phi - models.mean(0)) / sd) ** 2 - math.log(sd))
