"""What some scores take from known texts, beyond the text itself: learned once, kept in the calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from probe.scores.combination import Combination
from probe.scores.token_model import TokenModel

Vector = npt.NDArray[np.float64]
EZ_SMOOTHING = 1.0  # nats; a calibration brings its own


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """smoothing: of ez, nats. curves: float64 [tuning non-members, features of camia], each column ascending.

    tokens: what is learned of single tokens. combination: how the learned score weighs its features.
    """

    smoothing: float = EZ_SMOOTHING
    curves: Vector | None = None
    tokens: TokenModel | None = None
    combination: Combination | None = None


UNFITTED = Fitted()
