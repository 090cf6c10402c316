"""From known texts to a calibration: scored once, the score chosen and learned on tuning texts, the gates examined."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from probe.audit.metrics import auc
from probe.calibration.blind import bag_all
from probe.calibration.calibration import Calibration, Sentinel
from probe.calibration.examine import examine
from probe.calibration.fit import Fit, fit_scores, scored, table
from probe.calibration.known import Known, sort_out
from probe.calibration.residual import FEWEST, fit
from probe.data.overlap import index
from probe.errors import CalibrationError
from probe.measure import Progress
from probe.models.base import Engine
from probe.pipeline import Probe
from probe.prepared import Options
from probe.scores import TABLE
from probe.types import Evidence, Text, TokenStats

SENTINELS = 32
FEWEST_NONMEMBERS = 20
_REVERSED = 0.35  # AUC of the plain scores below which members and non-members look exchanged
_PLAIN, _CURVES = Options(scores=frozenset()), Options(scores=frozenset({"camia"}))


def calibrate(
    probe: Probe, known: Known, name: str, seed: int = 0, progress: Progress | None = None,
    placebo: Engine | None = None,
) -> Calibration:  # fmt: skip
    """Scores the known texts under `probe` and returns their calibration. Raises CalibrationError.

    placebo: a model of the target's kind that saw none of the texts; the placebo gate needs it.
    """
    if probe.reference and probe.reference.identity.model == probe.target.identity.model:
        raise CalibrationError("The reference is the target itself; name another model, or none.")
    groups = sort_out(known, probe.setup.prefixes, seed, probe.setup.learned)
    if not groups.nonmembers:
        why = "; ".join(groups.notes) or "none were given"
        raise CalibrationError(f"No known non-member is left to calibrate on ({why}): bring others.")
    prepared = [probe.prepare(group, _PLAIN if number else _CURVES) for number, group in enumerate(groups.in_order)]
    tuning, nonmembers, tuning_members, members = measured = probe.measure(prepared, progress)
    _check_sides([*tuning_members, *members], [*tuning, *nonmembers])
    found = fit_scores(tuning, tuning_members, nonmembers, seed)
    tables = [table(group, found.score, found.fitted) for group in (nonmembers, members)]
    negative, positive = (rows[scored(rows)] for rows in tables)
    if len(negative) < FEWEST_NONMEMBERS:
        raise CalibrationError(
            f"{len(negative)} of {len(groups.nonmembers)} known non-members can be scored; bring at least "
            f"{FEWEST_NONMEMBERS} (299 allow a claim of FPR 1%, 2,995 of .1%)."
        )
    notes = groups.notes + _left_out(measured, sum(map(len, groups.in_order)))
    groups = groups.keep(scored(tables[0]), scored(tables[1]))
    residual = fit(*found.tuning.T[:3])
    member_residual = fit(*found.tuning_members.T[:3]) if len(found.tuning_members) >= FEWEST else residual
    scores = residual(*negative.T[:3])
    texts = [text.text for group in groups.in_order for text in group] + list(known.sources)
    calibration = Calibration(
        name=name, score=found.score, fingerprint=probe.fingerprint, residual=residual,
        member_residual=member_residual, nonmembers=np.sort(scores),
        members=np.sort(member_residual(*positive.T[:3])), found=np.sort(residual(*positive.T[:3])),
        tokens=negative[:, 1], difficulty=negative[:, 2], variety=negative[:, 3],
        shingles=np.union1d(index(texts), probe.setup.learned),
        bags=bag_all([text.text for text in groups.nonmembers]),
        sentinels=_sentinels(probe, known.sentinels or groups.nonmembers, found), fitted=found.fitted,
        basis=known.basis, created=datetime.now(UTC).isoformat(timespec="seconds"), notes=notes,
    )  # fmt: skip
    return examine(probe, calibration, groups, scores, placebo, progress)


def _check_sides(members: Sequence[Evidence], nonmembers: Sequence[Evidence]) -> None:
    """Raises CalibrationError where the target knows the non-members better than the members: a learned score would
    turn round with its labels, and call strangers members.
    """
    for name in ("ref", "ref_bytes", "loss"):
        sides = [
            np.array([value for one in group if (value := TABLE[name](one).value) is not None])
            for group in (members, nonmembers)
        ]
        if min(map(len, sides)) >= FEWEST_NONMEMBERS:
            found = auc(sides[0], sides[1])
            if found.high < 0.5 and found.value < _REVERSED:
                raise CalibrationError(
                    f"The target finds the known non-members likelier than the known members ({name} has AUC "
                    f"{found:.3f}): the files look exchanged, or differ in kind. Name members and non-members the "
                    "other way round, or bring texts of one kind."
                )
            return


def _left_out(measured: Sequence[Sequence[Evidence]], given: int) -> tuple[str, ...]:
    scored = sum(isinstance(entry.target, TokenStats) for group in measured for entry in group)
    return (f"{given - scored} known texts could not be scored and were left out",) if scored < given else ()


def _sentinels(probe: Probe, texts: Sequence[str | Text], found: Fit) -> tuple[Sentinel, ...]:
    chosen = [text if isinstance(text, Text) else Text(text) for text in texts[:SENTINELS]]
    (evidence,) = probe.measure([probe.prepare(chosen, _PLAIN)])
    rows = table(evidence, found.score, found.fitted)
    pairs = zip(chosen, rows.tolist(), scored(rows), strict=True)
    return tuple(Sentinel(text.text, value, hard) for text, (value, _, hard, _), there in pairs if there)
