"""Figures of models and texts drawn by a stated law, with a known truth."""

from __future__ import annotations

import numpy as np

from probe.audit.deletion.by_model import ByModel
from probe.scores.shadowed import Flags


def flags(deleted: int, unseen: int) -> Flags:
    return np.repeat([True, False], [deleted, unseen])


def drawn(
    seed: int | np.random.Generator, *, after: int = 1, retrained: int = 3, deleted: int = 40, unseen: int = 40,
    left: float = 0.0, before: float = 1.0, noise: float = 0.1, mixed: bool = True,
) -> ByModel:  # fmt: skip
    """Each text has a level of its own and, where mixed, a spread of its own over models; each model a shift.

    left: what the models after still say more of each deleted text, nats; before: the model before.
    """
    dice = np.random.default_rng(seed)
    texts, models = deleted + unseen, 1 + after + retrained
    spread = noise * np.exp(0.4 * dice.normal(size=texts)) if mixed else np.full(texts, noise)
    phi = dice.normal(-3, 1, texts) + spread * dice.normal(size=(models, texts)) + dice.normal(size=(models, 1))
    effect = np.zeros((models, 1))
    effect[0], effect[1 : 1 + after] = before, left
    phi += effect * flags(deleted, unseen)
    return ByModel(phi[0], phi[1 : 1 + after], phi[1 + after :])
