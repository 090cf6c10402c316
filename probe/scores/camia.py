"""camia = -mean over features of p, p = (1 + #{known non-members with the feature at least as high}) / (n + 1).

Features of the loss curve (curve.py), each a one-sided p-value against the tuning non-members of the calibration,
combined by their mean (Edgington 1972). Chang et al. 2024 (2409.13745). Reads the text twice more, once behind itself.
"""

from __future__ import annotations

import numpy as np

from probe.scores import curve
from probe.scores.base import Method
from probe.scores.copies import REPEATED
from probe.scores.fitted import Vector
from probe.scores.view import View
from probe.types import Unscored


def camia(view: View) -> float | Unscored:
    known = view.fitted.curves
    if known is None:
        return Unscored("it holds loss curves against known non-members: name a calibration with tuning texts")
    found = features(view)
    above = [len(column) - np.searchsorted(column, value) for column, value in zip(known.T, found, strict=True)]
    return -float(np.mean([(1 + count) / (len(known) + 1) for count in above]))


def features(view: View) -> Vector:
    """Returns the features of this text's curve [curve.NAMES]; the copies must be scored."""
    (twice,) = view.copies(REPEATED.name)
    again = twice.logprob[twice.tokens.start >= len(view.text)].astype(np.float64)
    return curve.features(view.l, again)


SCORE = Method("camia", camia, ("logprob",), "Chang et al. 2024, arXiv:2409.13745", REPEATED)
