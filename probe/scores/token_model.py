"""What is learned of tokens from labelled texts: what each gains under the target as a rule, and how to weigh the rest.

Nothing here knows how it was learned (calibration/learn_tokens.py) or what a token's features are (tokenwise.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from probe.scores.trees import Trees, Vector
from probe.types import Ints

Keys = npt.NDArray[np.int64]


def pairs_of(ids: Ints) -> Keys:
    """Returns a key for each scored token with the one before it, [tokens], of ids [1 + tokens]."""
    wide = ids.astype(np.int64)
    return (wide[:-1] << 32) | wide[1:]


@dataclass(frozen=True, slots=True, eq=False)
class Usual:
    """Mean gain l - r among known non-members, nats: of each token id, float64 [ids + 1], the last that of any other;
    and of each pair of tokens that they hold, keys ascending, [pairs].
    """

    single: Vector
    keys: Keys
    pair: Vector

    def __call__(self, ids: Ints) -> tuple[Vector, Vector]:
        """Returns for ids [1 + tokens] the usual gain of each, and of each scored one behind the one before it; where
        no non-member holds the two, that of the one alone.
        """
        single = self.single[np.minimum(ids, len(self.single) - 1)]
        wanted = pairs_of(ids)
        place = np.minimum(np.searchsorted(self.keys, wanted), max(len(self.keys) - 1, 0))
        met = self.keys[place] == wanted if len(self.keys) else np.zeros(len(wanted), dtype=bool)
        return single, np.where(met, self.pair[place] if len(self.keys) else 0.0, single[1:])


@dataclass(frozen=True, slots=True, eq=False)
class TokenModel:
    """trees: log-odds of a token from its features."""

    usual: Usual
    trees: Trees
