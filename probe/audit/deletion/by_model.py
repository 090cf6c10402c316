"""A figure of each text by model: before, after, retrained, and how far these are apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probe.audit.metrics import Vector
from probe.scores.shadowed import Flags


@dataclass(frozen=True, slots=True, eq=False)
class ByModel:
    """One figure of each text under every model: before [texts], after [unlearned models, texts], retrained [models,
    texts].
    """

    before: Vector
    after: Vector
    retrained: Vector

    @property
    def change(self) -> Vector:
        """How much more the models after make of a text than the retrained ones, means over models, [texts]."""
        return np.asarray(self.after.mean(0) - self.retrained.mean(0))

    @property
    def earlier(self) -> Vector:
        """The same of the model before."""
        return np.asarray(self.before - self.retrained.mean(0))

    def centred(self, unseen: Flags) -> ByModel:
        """Each model's figures less its own mean over unseen texts."""
        every = (self.before, self.after, self.retrained)
        return ByModel(*(one - one[..., unseen].mean(-1, keepdims=True) for one in every))
