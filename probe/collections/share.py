"""The share of members in a set: how far its mean lies from known non-members towards known members.

share = (mean of the set - mean of non-members) / (mean of members - mean of non-members), from E[score] of a mixture:
it holds for any distribution, where all three are of one kind. The interval is the percentile bootstrap's (Efron 1979)
over documents of all three groups. Without known members there is no scale, so there is no estimate.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from probe.audit.metrics import Figure
from probe.collections.compare import welch
from probe.types import Unscored

Vector = npt.NDArray[np.float64]
FEWEST = 10  # documents of each kind
DRAWS = 2000
_APART = 1e-3  # p-value up to which known members count as told from non-members


def share(
    suspect: Vector, nonmembers: Vector, members: Vector, seed: int = 0, confidence: float = 0.95
) -> Figure | Unscored:
    """Returns the share in [0, 1] with its interval, or why there is none. All are one value per document."""
    if not len(members):
        return Unscored("no known members are named (--members)")
    fewest = min(len(suspect), len(nonmembers), len(members))
    if fewest < FEWEST:
        return Unscored(f"it takes {FEWEST} documents of each kind, known members included; there are {fewest}")
    if welch(members, nonmembers) > _APART:
        return Unscored("the known members do not score clearly higher than the controls")
    dice = np.random.default_rng(seed)
    means = [
        group[dice.integers(len(group), size=(DRAWS, len(group)))].mean(1) for group in (suspect, nonmembers, members)
    ]
    tail = (1 - confidence) / 2
    low, high = np.quantile(_ratio(*means), [tail, 1 - tail])
    value = _ratio(*(np.array([group.mean()]) for group in (suspect, nonmembers, members)))
    return Figure(float(value[0]), float(low), float(high))


def _ratio(suspect: Vector, nonmembers: Vector, members: Vector) -> Vector:
    """A draw in which known members do not lie above non-members says nothing of the share: it counts as all."""
    apart = members - nonmembers
    found = np.where(apart > 0, (suspect - nonmembers) / np.where(apart > 0, apart, 1.0), 1.0)
    return np.clip(found, 0.0, 1.0)
