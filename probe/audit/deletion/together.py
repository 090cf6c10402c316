"""What is found of all deleted texts together, and what retrained models say in the place of the one after.

placebos: each retrained model held against the others as if it were the model after. No text was deleted from it, so
where one of them shows a difference, deleted and unseen texts differ in something that training noise touches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probe.audit.deletion.by_model import ByModel
from probe.audit.deletion.effect import (
    FEWEST,
    Contrast,
    Equivalence,
    Units,
    contrast,
    detectable,
    equivalence,
)
from probe.audit.deletion.margin import Margin
from probe.scores.shadowed import Flags
from probe.types import Unscored


@dataclass(frozen=True, slots=True)
class Together:
    """effect: of the models after; earlier: of the model before. detectable: the least effect that these texts show
    with power .8, nats. units: deleted and unseen ones. by_source: whether several texts are one unit.
    """

    effect: Contrast
    earlier: Contrast
    same: Equivalence
    detectable: float
    placebos: tuple[Contrast, ...]
    units: tuple[int, int]
    by_source: bool

    def placebo_fails(self, alpha: float) -> bool:
        """True where a retrained model shows a difference, corrected for how many of them there are."""
        return any(one.p * len(self.placebos) <= alpha for one in self.placebos)


def together(phi: ByModel, deleted: Flags, units: Units, margin: Margin, alpha: float) -> Together | Unscored:
    counts = [len(np.unique(units[side])) for side in (deleted, ~deleted)]
    if min(counts) < FEWEST:
        what = "sources or texts without one" if len(np.unique(units)) < len(units) else "texts"
        return Unscored(f"takes at least {FEWEST} {what} of each group; there are {counts[0]} and {counts[1]}")
    effect = contrast(phi.change, deleted, units)
    return Together(
        effect, contrast(phi.earlier, deleted, units),
        equivalence(phi.change, phi.earlier, margin, deleted, units, alpha), detectable(effect, alpha),
        tuple(_placebos(phi, deleted, units)), (counts[0], counts[1]), len(np.unique(units)) < len(units),
    )  # fmt: skip


def _placebos(phi: ByModel, deleted: Flags, units: Units) -> list[Contrast]:
    models = len(phi.retrained)
    if models < 2:
        return []
    alone = 1 if models == 2 else models  # of two, each mirrors the other
    return [
        contrast(phi.retrained[held] - np.delete(phi.retrained, held, 0).mean(0), deleted, units)
        for held in range(alone)
    ]
