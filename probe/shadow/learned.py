"""The texts that a model was adapted to, kept beside its weights as hashed runs of words, never as texts.

Of these the model is no judge: a known text that shares a run with them may not calibrate, and no verdict is given on
a query that does.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from probe.data.overlap import SHINGLE, index
from probe.errors import ModelError

NAME = "memprobe-learned.json"
Shingles = npt.NDArray[np.uint32]
NOTHING: Shingles = np.empty(0, dtype=np.uint32)


def write_learned(folder: Path, texts: Sequence[str], before: Shingles, facts: dict[str, object]) -> None:
    """before: what the model that was adapted had learned in the same way. facts: stand beside, for the reader."""
    every = np.union1d(before, index(texts)).astype("<u4")
    kept = {**facts, "words": SHINGLE, "shingles": b64encode(every.tobytes()).decode()}
    (folder / NAME).write_text(json.dumps(kept, indent=1) + "\n")


def read_learned(folder: Path) -> Shingles:
    """Returns the sorted shingles, none where the model was not adapted. Raises ModelError for a damaged file."""
    path = folder / NAME
    if not path.is_file():
        return NOTHING
    try:
        kept = json.loads(path.read_text())
        if kept["words"] != SHINGLE:
            raise ValueError(f"runs of {kept['words']} words, not {SHINGLE}")
        return np.unique(np.frombuffer(b64decode(kept["shingles"], validate=True), dtype="<u4").astype(np.uint32))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{path} does not say which texts the model learned ({error}): adapt it again (memprobe adapt)."
        ) from error
