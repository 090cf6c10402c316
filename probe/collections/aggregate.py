"""From measured texts to one value and one row of features per document: the mean over its texts."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from probe.calibration.calibration import Calibration
from probe.collections.documents import Document
from probe.data.overlap import overlap
from probe.judge import default_score, difficulty_of
from probe.measure import CHUNK, Progress, measure
from probe.models.base import Engine
from probe.pipeline import Probe
from probe.prepare import prepare
from probe.prepared import Options
from probe.scores import TABLE
from probe.scores.features import NAMES, row
from probe.scores.fitted import UNFITTED
from probe.scores.view import View
from probe.types import Evidence, Text, TokenStats

Vector = npt.NDArray[np.float64]
_VOTES = 100  # texts that vote on the default score


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """Of the documents that have a value: scores [documents], features [documents, NAMES] with NaN where one is
    missing, and the documents themselves; lost: why texts gave nothing, and how many of them.
    """

    scores: Vector
    features: Vector
    documents: tuple[Document, ...]
    lost: Counter[str]

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def texts(self) -> int:
        return sum(len(document.texts) for document in self.documents)


@dataclass(frozen=True, slots=True, eq=False)
class _Reading:
    """Of one text."""

    score: float
    features: Vector


def choose_score(probe: Probe, documents: Sequence[Document]) -> str:
    """Returns the calibration's score, else the one that most of the first texts rest on by default."""
    if probe.calibration:
        return probe.calibration.score
    texts = list(islice((text for document in documents for text in document.texts), _VOTES))
    (measured,) = probe.measure([probe.prepare(texts, Options(scores=frozenset()))])
    votes = [default_score(View(entry)) for entry in measured if isinstance(entry.target, TokenStats)]
    return max(sorted(set(votes)), key=votes.count) if votes else "loss"


def aggregate(
    probe: Probe, documents: Sequence[Document], score: str, progress: Progress | None = None,
    target: Engine | None = None,
) -> Values:  # fmt: skip
    """Measures every text once and returns the documents' means; target: another model in the target's place."""
    setup = replace(probe.setup, target=target) if target else probe.setup
    texts = [text for document in documents for text in document.texts]
    options = Options(scores=frozenset({score}))
    readings: list[_Reading | str] = []
    for begin in range(0, len(texts), CHUNK):
        chunk = texts[begin : begin + CHUNK]
        (measured,) = measure(setup, [prepare(setup, chunk, options)])
        readings += [_read(text, entry, score, probe.calibration) for text, entry in zip(chunk, measured, strict=True)]
        if progress:
            progress(len(readings), len(texts))
    return _means(documents, readings)


def _read(text: Text, entry: Evidence, score: str, calibration: Calibration | None) -> _Reading | str:
    """Returns the reading of a text or why there is none; a calibration's own score is freed of length."""
    if not isinstance(entry.target, TokenStats):
        return entry.target.reason
    if calibration and overlap(text.text, calibration.shingles):
        return "they share a run of words with the calibration's own texts"
    view = View(entry, calibration.fitted if calibration else UNFITTED)
    found = TABLE[score].of(view)
    if found.value is None:
        return f"the score {score} is missing: {found.reason}"
    value = found.value
    if calibration and score == calibration.score:
        value, _ = calibration.calibrated(value, len(entry.target.logprob), difficulty_of(entry))
    return _Reading(value, row(view))


def _means(documents: Sequence[Document], readings: Sequence[_Reading | str]) -> Values:
    scores, features, kept = [], [], []
    left = iter(readings)
    lost = Counter(reading for reading in readings if isinstance(reading, str))
    for document in documents:
        pairs = [(text, reading) for text, reading in zip(document.texts, left, strict=False)]
        good = [(text, reading) for text, reading in pairs if isinstance(reading, _Reading)]
        if good:
            scores.append(float(np.mean([reading.score for _, reading in good])))
            features.append(_mean_row(np.stack([reading.features for _, reading in good])))
            kept.append(Document(document.name, tuple(text for text, _ in good)))
    return Values(np.array(scores), np.array(features).reshape(-1, len(NAMES)), tuple(kept), lost)


def _mean_row(rows: Vector) -> Vector:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a feature that no text of the document has
        return np.asarray(np.nanmean(rows, axis=0))
