"""A small calibration with round figures, to be changed field by field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from probe.calibration.calibration import Calibration
from probe.calibration.fingerprint import Fingerprint
from probe.calibration.residual import Residual
from probe.data.overlap import index

Make = Callable[..., Calibration]
KNOWN_TEXT = " ".join(f"known{number}" for number in range(40))


@pytest.fixture(scope="session")
def make() -> Make:
    """1,000 non-members scoring 0 to 999 (so k = 5 at FPR 1%), 99 members scoring 901 to 999, every gate passed."""

    def build(**changes: Any) -> Calibration:
        fields: dict[str, Any] = {
            "name": "known",
            "score": "ref",
            "fingerprint": Fingerprint("sha256:target", "sha256:tokenizer", "float32", "half-overlap/1024"),
            "residual": Residual(),
            "member_residual": Residual(),
            "nonmembers": np.arange(1000.0),
            "members": np.arange(901.0, 1000.0),
            "tokens": np.linspace(10, 100, 1000).round(),
            "difficulty": np.linspace(2.0, 5.0, 1000),
            "variety": np.linspace(0.5, 1.0, 1000),
            "shingles": index([KNOWN_TEXT]),
            "basis": "split",
            "gates": {"blind": "pass", "placebo": "pass", "split": "pass"},
        }
        return Calibration(**(fields | changes))

    return build


@pytest.fixture(scope="session")
def known_text() -> str:
    return KNOWN_TEXT
