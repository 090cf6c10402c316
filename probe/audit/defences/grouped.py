"""Aggregation-only reporting under attack: the attacker is told the noised mean loss of whole cohorts, nothing else.

He knows who is a member but for the one text that he asks about, and what shadows say of all: he takes the others'
usual loss off the cohort's sum, and what is left is the text's own loss under the noise and their spread.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from probe.audit.metrics import Vector
from probe.audit.one_run import Flags
from probe.reporting import aggregate
from probe.setup import Setup
from probe.shadow.study import phis
from probe.types import Text

CLIP = (0.0, 10.0)  # nats per token, as the service's default
Usual = tuple[Vector, Vector]  # of each text's loss: mean and standard deviation, [texts], nats per token


def usual(setup: Setup, texts: Sequence[Text]) -> tuple[Usual, Usual]:
    """Returns what the shadows say of each text's loss: those that saw it, and the others."""
    shadows = setup.shadows
    assert shadows is not None  # a duel has them
    losses = -np.array([phis(engine, texts) for engine in shadows.engines])
    inside = np.array([shadows.membership.of(text.text) for text in texts]).T
    sides = ((inside, shadows.study.pooled.ins.sd), (~inside, shadows.study.pooled.outs.sd))
    ins, outs = (
        (np.where(flags, losses, 0).sum(0) / flags.sum(0), sd * np.sqrt(1 + 1 / flags.sum(0))) for flags, sd in sides
    )
    return ins, outs


def grouped(loss: Vector, member: Flags, ins: Usual, outs: Usual, cohort: int, epsilon: float, seed: int = 0) -> Vector:
    """Returns the log-likelihood ratio of each text: [texts], those of one report each in a cohort of this size.

    loss: of the target, nats per token. epsilon: of a report. The noise is Laplace's, and the others' spread is added
    to its scale.
    """
    order = np.random.default_rng(seed).permutation(len(loss))
    dice, found = random.Random(seed), np.empty(len(loss))
    mean, spread = (np.where(member, one, other) for one, other in zip(ins, outs, strict=True))
    for place in np.array_split(order, max(1, len(loss) // cohort)):
        told = aggregate(loss[place].tolist(), CLIP, epsilon, dice.randrange)
        size = len(place)
        left = size * told.value - (mean[place].sum() - mean[place])
        scale = np.sqrt((size * told.scale) ** 2 + (spread[place] ** 2).sum() / 2)
        found[place] = (np.abs(left - outs[0][place]) - np.abs(left - ins[0][place])) / scale
    return found
