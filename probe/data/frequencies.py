"""How often each token occurs in a corpus of the user's: what DC-PDD holds a model's probabilities against.

Counts belong to one tokenizer and are kept under its hash: another's would be of other tokens.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt

from probe.data.arrays import write
from probe.data.private import make_folder
from probe.errors import InputError
from probe.models.base import Engine
from probe.types import Ints, Tokens

_AT_ONCE = 256  # texts


@dataclass(frozen=True, slots=True, eq=False)
class Frequencies:
    """counts: int64 [vocabulary]; corpus: its name, as results state it; tokenizer: its hash."""

    counts: npt.NDArray[np.int64]
    corpus: str
    tokenizer: str

    @property
    def hash(self) -> str:
        return "sha256:" + sha256(np.ascontiguousarray(self.counts, dtype="<i8").tobytes()).hexdigest()

    def rarity(self, ids: Ints) -> npt.NDArray[np.float64]:
        """Returns log(1/f) in nats, f = (n + 1) / (N + V): smoothed, so that no token is impossible (Laplace)."""
        total = np.log(self.counts.sum() + len(self.counts))
        return np.asarray(total - np.log1p(self.counts[ids].astype(np.float64)))


def count(engine: Engine, texts: Iterable[str], corpus: str) -> Frequencies:
    """Counts the tokens of texts under an engine's tokenizer. Raises InputError where there are none."""
    counts = np.zeros(engine.vocabulary, dtype=np.int64)
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if len(batch) == _AT_ONCE:
            _add(engine, batch, counts)
            batch = []
    _add(engine, batch, counts)
    if not counts.any():
        raise InputError(f"There is no text to count in {corpus}.")
    return Frequencies(counts, corpus, engine.identity.tokenizer)


def _add(engine: Engine, texts: list[str], counts: npt.NDArray[np.int64]) -> None:
    for tokens in engine.tokenize(texts):
        if isinstance(tokens, Tokens):
            np.add.at(counts, tokens.ids[int(tokens.has_bos) :], 1)


def save(found: Frequencies, folder: Path) -> Path:
    """Writes the counts under their tokenizer's hash, in the place of earlier ones."""
    path = _path(found.tokenizer, folder)
    make_folder(folder)
    return write(path, {"corpus": found.corpus, "tokenizer": found.tokenizer}, counts=found.counts)


def load(engine: Engine, folder: Path) -> Frequencies | None:
    """Returns the counts of an engine's tokenizer, None where none were made. Raises InputError for a broken file."""
    path = _path(engine.identity.tokenizer, folder)
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            header, counts = json.loads(str(stored["header"])), stored["counts"]
        found = Frequencies(counts, str(header["corpus"]), str(header["tokenizer"]))
    except Exception as error:  # numpy, zipfile and json raise a dozen kinds on a broken file
        raise InputError(
            f"{path} is broken ({error}): delete it, and make it again with memprobe frequencies."
        ) from error
    if found.tokenizer != engine.identity.tokenizer or counts.shape != (engine.vocabulary,) or counts.min() < 0:
        raise InputError(
            f"{path} does not belong to this tokenizer: delete it and make it again: memprobe frequencies."
        )
    return found


def _path(tokenizer: str, folder: Path) -> Path:
    return folder / f"{tokenizer.removeprefix('sha256:')[:32]}.npz"
