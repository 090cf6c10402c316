"""What is learned of tokens from labelled texts: what each gains under the target as a rule, and how to weigh the rest.

Nothing here knows how it was learned (calibration/learn_tokens.py) or what a token's features are (tokenwise.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probe.scores.trees import Trees, Vector
from probe.types import Ints


@dataclass(frozen=True, slots=True, eq=False)
class TokenModel:
    """usual: mean gain l - r of each token id among known non-members, nats, float64 [ids + 1]; the last is that of
    any other id. trees: log-odds of a token from its features.
    """

    usual: Vector
    trees: Trees

    def usual_of(self, ids: Ints) -> Vector:
        """Returns the usual gain of each id, [ids], nats."""
        return self.usual[np.minimum(ids, len(self.usual) - 1)]
