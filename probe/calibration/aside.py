"""Known non-members for two uses: some of them adapt the reference, the others calibrate.

Who does which is drawn by chance, so that those that calibrate are to the adapted reference what a query is.
"""

from __future__ import annotations

import random
from dataclasses import replace

from probe.calibration.known import Known, refuse_shared
from probe.types import Text

SHARE = 0.4  # of 5,000 on ten novels: 2,000 took the AUC from .984 to .998, docs/decisions/0011


def set_aside(known: Known, share: float = SHARE, seed: int = 0) -> tuple[list[Text], Known]:
    """Returns that share of the calibrating non-members, to adapt to, and the known texts without them.

    Raises CalibrationError where a text is in two groups: the reference must not learn a member.
    """
    refuse_shared(known)
    every = [text if isinstance(text, Text) else Text(text) for text in known.nonmembers]
    shuffled = random.Random(seed).sample(every, len(every))
    size = round(len(every) * share)
    return shuffled[:size], replace(known, nonmembers=shuffled[size:])
