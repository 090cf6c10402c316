"""From known texts to a calibration: scored once, the default score chosen, the residual fitted on tuning texts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations

import numpy as np

from probe.calibration.calibration import Calibration, Sentinel, Vector
from probe.calibration.residual import FEWEST, fit
from probe.data.overlap import index
from probe.errors import CalibrationError
from probe.judge import default_score, difficulty_of, variety_of
from probe.measure import Progress
from probe.pipeline import Probe
from probe.prepare import Options
from probe.scores import TABLE
from probe.scores.ez import parts
from probe.scores.view import EZ_SMOOTHING, View
from probe.types import Evidence, Text, TokenStats

SENTINELS = 32
TUNING_SHARE = 7  # one in so many known non-members tunes where no tuning texts are given
FEWEST_NONMEMBERS = 20


@dataclass(frozen=True, slots=True)
class Known:
    """Texts whose membership is known.

    The tuning ones do not calibrate; without any, a share is split off. sources: whole texts that known ones were cut
    from, so that a query which shares the rest of one fails the overlap gate too.
    """

    nonmembers: Sequence[str]
    members: Sequence[str] = ()
    tuning: Sequence[str] = ()
    tuning_members: Sequence[str] = ()
    sentinels: Sequence[str] = ()
    sources: Sequence[str] = ()
    basis: str = "post-hoc"


def calibrate(probe: Probe, known: Known, name: str, seed: int = 0, progress: Progress | None = None) -> Calibration:
    """Scores the known texts under `probe` and returns their calibration. Raises CalibrationError."""
    notes = _check_groups(known)
    groups = [*_split(known.tuning, known.nonmembers, seed), *_split(known.tuning_members, known.members, seed)]
    prepared = [probe.prepare([Text(text) for text in group], Options(scores=frozenset())) for group in groups]
    measured = probe.measure(prepared, progress)
    score, left_out = _choose(measured)
    notes += left_out
    smoothing = _smoothing(measured[0])
    tuned, negative, tuned_members, positive = (_table(group, score, smoothing) for group in measured)
    if len(negative) < FEWEST_NONMEMBERS:
        raise CalibrationError(
            f"{len(negative)} of {len(groups[1])} known non-members can be scored; bring at least {FEWEST_NONMEMBERS} "
            "(299 allow a claim of FPR 1%, 2,995 of .1%)."
        )
    residual = fit(*tuned.T[:3])
    member_residual = fit(*tuned_members.T[:3]) if len(tuned_members) >= FEWEST else residual
    texts = [text for group in (*groups, known.sources) for text in group]
    return Calibration(
        name=name, score=score, fingerprint=probe.fingerprint, residual=residual, member_residual=member_residual,
        nonmembers=np.sort(residual(*negative.T[:3])), members=np.sort(member_residual(*positive.T[:3])),
        tokens=negative[:, 1], difficulty=negative[:, 2], variety=negative[:, 3], shingles=index(texts),
        sentinels=_sentinels(probe, known.sentinels or groups[1], score), smoothing=smoothing, basis=known.basis,
        created=datetime.now(UTC).isoformat(timespec="seconds"), notes=tuple(notes),
    )  # fmt: skip


def _split(tuning: Sequence[str], texts: Sequence[str], seed: int) -> tuple[list[str], list[str]]:
    """Returns texts to tune on and texts to calibrate on."""
    rest = _unique(texts)
    if tuning:
        return _unique(tuning), rest
    random.Random(seed).shuffle(rest)
    share = len(rest) // TUNING_SHARE
    return (rest[:share], rest[share:]) if share >= FEWEST else ([], rest)


def _check_groups(known: Known) -> list[str]:
    """Returns a note on repeated texts. Raises CalibrationError where a text is in two groups."""
    named = {"non-members": known.nonmembers, "members": known.members, "tuning non-members": known.tuning}
    named["tuning members"] = known.tuning_members
    sets = {name: {" ".join(text.split()) for text in texts} for name, texts in named.items()}
    for (one, mine), (other, theirs) in combinations(sets.items(), 2):
        if both := len((mine & theirs) - {""}):
            raise CalibrationError(f"{both} texts are among the {one} and the {other}; keep each in one group.")
    repeated = sum(len(named[name]) - len(sets[name]) for name in named)
    return [f"{repeated} repeated texts were left out"] if repeated else []


def _unique(texts: Sequence[str]) -> list[str]:
    return list({" ".join(text.split()): text for text in texts}.values())


def _choose(measured: Sequence[Sequence[Evidence]]) -> tuple[str, list[str]]:
    """Returns the default score, chosen once for all known texts, and what was left out."""
    good = [row for group in measured for row in group if isinstance(row.target, TokenStats)]
    if not good:
        raise CalibrationError("None of the known texts can be scored; are they empty?")
    votes = [default_score(View(row)) for row in good[:100]]
    score = max(set(votes), key=votes.count)
    left_out = sum(TABLE[score](row).value is None for group in measured for row in group)
    return score, [f"{left_out} known texts could not be scored and were left out"] if left_out else []


def _smoothing(tuning: Sequence[Evidence]) -> float:
    """Returns a tenth of the median P + N over the tuning texts (see scores/ez.py)."""
    sums = [
        sum(parts(View(row)))
        for row in tuning
        if TABLE["ez"](row).value is not None
        and isinstance(row.target, TokenStats) and isinstance(row.reference, TokenStats)
    ]  # fmt: skip
    return 0.1 * float(np.median(sums)) if sums and np.median(sums) > 0 else EZ_SMOOTHING


def _table(group: Sequence[Evidence], score: str, smoothing: float) -> Vector:
    """Returns [texts, 4]: raw score, tokens, difficulty, variety, for the texts that have a score."""
    rows = [
        (value, len(row.target.logprob), difficulty_of(row), variety_of(row.target))
        for row in group
        if isinstance(row.target, TokenStats) and (value := TABLE[score](row, smoothing).value) is not None
    ]
    return np.asarray(rows, dtype=np.float64).reshape(-1, 4)


def _sentinels(probe: Probe, texts: Sequence[str], score: str) -> tuple[Sentinel, ...]:
    results = probe(list(texts)[:SENTINELS], scores=[score])
    values = [(text, result.scores[score].value) for text, result in zip(texts, results, strict=False) if result.scores]
    return tuple(Sentinel(text, value) for text, value in values if value is not None)
