"""Labelled texts -> an Evaluation: the figures of every score, and beside them what the words alone would give.

The blind baseline is naive Bayes over bags of words, cross-validated (calibration/blind.py). Where it separates members
from non-members, the sets differ in kind, and no score's figure on them shows anything about membership.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

import numpy as np

from probe.audit.figures import FPRS, Figures, Flags, Measured, halves, measure
from probe.audit.labelled import Entry, Labelled
from probe.audit.metrics import Figure, Vector, spearman
from probe.calibration.blind import FEWEST, bag_all, differ, held_out, widened
from probe.calibration.fingerprint import Fingerprint
from probe.measure import Progress
from probe.pipeline import Probe
from probe.scores import TABLE, choose
from probe.types import Result, Score

CALIBRATED = "calibrated"  # the default score, freed of length and difficulty
BLIND = "blind"
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What was measured. ids, member, scored and every score: one entry per text, in one order; no text is kept.

    ids: the caller's own, else where the text stands. scored: those that the target can score.
    default: the score that a verdict rests on. words: float64 [texts], the blind baseline's value of each text.
    correlation: Spearman's, of `compared` with each other. verdicts: how often each was given, where there is a
    calibration. unscored: id and reason of the texts that the target cannot score. data: hash of texts and labels.
    """

    ids: tuple[str, ...]
    member: Flags
    scored: Flags
    scores: Mapping[str, tuple[Score, ...]]
    figures: Mapping[str, Figures]
    blind: Figures
    words: Vector
    default: str
    compared: tuple[str, ...]
    correlation: tuple[tuple[float | None, ...], ...]
    fingerprint: Fingerprint
    data: str
    seed: int
    confidence: float = CONFIDENCE
    calibration: str | None = None
    verdicts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    unscored: tuple[tuple[str, str], ...] = ()
    left_out: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def absent(self) -> dict[str, str]:
        """Why a score has no value for any text, by its name."""
        return {
            name: next(iter(reasons(row)), "there are no texts")
            for name, row in self.scores.items()
            if name not in self.compared
        }

    @property
    def separates_blindly(self) -> bool | None:
        """True where the words alone tell members from non-members; None with too few texts to say."""
        if isinstance(self.blind.auc, Figure) and min(self.blind.members, self.blind.nonmembers) >= FEWEST:
            return differ(self.blind.auc)
        return None

    @property
    def best(self) -> str | None:
        """The score with the highest AUC on these texts."""
        return self.highest({name: found.auc for name, found in self.figures.items()})

    @staticmethod
    def highest(figures: Mapping[str, Measured]) -> str | None:
        """Returns the name of the highest figure that there is."""
        known = {name: figure.value for name, figure in figures.items() if isinstance(figure, Figure)}
        return max(known, key=known.__getitem__) if known else None


def evaluate(
    probe: Probe, labelled: Labelled, *, scores: Iterable[str] | None = None, fprs: Sequence[float] = FPRS,
    seed: int = 0, progress: Progress | None = None,
) -> Evaluation:  # fmt: skip
    """Scores every text once and returns the figures of all scores; seed: of folds and halves. Raises UnknownName."""
    chosen = choose(scores)
    results = probe([entry.text for entry in labelled.entries], scores=chosen, progress=progress)
    ids = tuple(entry.text.id or entry.place or str(number) for number, entry in enumerate(labelled.entries))
    member = np.array([entry.member for entry in labelled.entries], bool)
    default, rows = _rows(results, [name for name in TABLE if name in chosen])
    values = {name: as_values(row) for name, row in rows.items()}
    words = _words(labelled.entries, member, seed)
    tuning = halves(member, seed)
    compared = tuple(name for name, row in values.items() if not np.isnan(row).all())
    return Evaluation(
        ids=ids, member=member, scored=np.array([result.error is None for result in results], bool),
        scores=rows, figures={name: measure(row, member, tuning, fprs, CONFIDENCE) for name, row in values.items()},
        blind=_blind(measure(words, member, tuning, fprs, CONFIDENCE)), words=words, default=default, compared=compared,
        correlation=_correlation([values[name] for name in compared]), fingerprint=probe.fingerprint,
        data=_hash(labelled.entries), seed=seed, calibration=probe.calibration.name if probe.calibration else None,
        verdicts=_verdicts(results, member) if probe.calibration else {},
        unscored=tuple((name, result.error) for name, result in zip(ids, results, strict=True) if result.error),
        left_out=labelled.left_out, warnings=_warnings(results),
    )  # fmt: skip


def reasons(scores: Sequence[Score]) -> dict[str, int]:
    """Returns how many texts lack a score, by reason, the commonest first."""
    return dict(Counter(str(score.reason) for score in scores if score.value is None).most_common())


def as_values(scores: Sequence[Score]) -> Vector:
    """Returns float64 [texts], NaN where there is no value: for arithmetic inside, never for an answer."""
    return np.array([np.nan if score.value is None else score.value for score in scores], np.float64)


def _rows(results: Sequence[Result], chosen: Sequence[str]) -> tuple[str, dict[str, tuple[Score, ...]]]:
    """Returns the name of the default score, and every score of every text."""
    rows = {name: tuple(_score(result, name) for result in results) for name in chosen}
    given = Counter(result.score.name for result in results if result.score)
    ((name, _),) = given.most_common(1) or [("", 0)]
    if any(result.score and result.score.calibrated is not None for result in results):
        rows[CALIBRATED] = tuple(_default(result, CALIBRATED) for result in results)
        return CALIBRATED, rows
    if name and name not in rows:
        rows[name] = tuple(_default(result, name) for result in results)
    return name, rows


def _score(result: Result, name: str) -> Score:
    return Score(reason=result.error) if result.error else result.scores[name]


def _default(result: Result, name: str) -> Score:
    """The score under the verdict, or its calibrated form; of another name than most texts have it does not count."""
    found = result.score
    value = None if found is None else found.calibrated if name == CALIBRATED else found.value
    if found is None or value is None or name not in (CALIBRATED, found.name):
        return Score(reason=result.error or (result.verdict and result.verdict.reason) or "it has no such score")
    return Score(value)


def _blind(found: Figures) -> Figures:
    """The classifiers of different folds share their training texts, which widens the interval of their AUC."""
    return replace(found, auc=widened(found.auc)) if isinstance(found.auc, Figure) else found


def _words(entries: Sequence[Entry], member: Flags, seed: int) -> Vector:
    bags = [bag_all([entry.text.text for entry in entries if entry.member is kind]) for kind in (True, False)]
    found = np.empty(len(entries))
    found[member], found[~member] = held_out(bags[0], bags[1], seed=seed)
    return found


def _correlation(values: Sequence[Vector]) -> tuple[tuple[float | None, ...], ...]:
    """Each pair over the texts that have both."""
    return tuple(tuple(_pair(one, other) for other in values) for one in values)


def _pair(one: Vector, other: Vector) -> float | None:
    both = ~(np.isnan(one) | np.isnan(other))
    return spearman(one[both], other[both])


def _verdicts(results: Sequence[Result], member: Flags) -> dict[str, dict[str, int]]:
    kinds: dict[str, Counter[str]] = {"members": Counter(), "nonmembers": Counter()}
    for result, known in zip(results, member, strict=True):
        kinds["members" if known else "nonmembers"][str(result.verdict.call) if result.verdict else "error"] += 1
    return {kind: dict(sorted(count.items())) for kind, count in kinds.items()}


def _warnings(results: Sequence[Result]) -> tuple[str, ...]:
    shared = sum(bool(result.verdict and result.verdict.gates.get("overlap") == "fail") for result in results)
    known = f"{shared} of the texts share a run of words with the calibration's, from which it learned: leave them out"
    return tuple(dict.fromkeys([known] * bool(shared) + [warning for result in results for warning in result.warnings]))


def _hash(entries: Sequence[Entry]) -> str:
    """Returns what these texts and labels come to, in whatever order they stand."""
    rows = sorted(f"{int(entry.member)}{entry.text.text}".encode(errors="replace") for entry in entries)
    return f"sha256:{sha256(b''.join(sha256(row).digest() for row in rows)).hexdigest()}"
