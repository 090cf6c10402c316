"""The flow of a report: texts are gathered, scored as any others, and told of as noised means once that is paid for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from fractions import Fraction
from typing import Any
from uuid import uuid4

from probe.calibration.file import content_hash
from probe.calibration.gates import SET_LEVEL
from probe.errors import InputError, ModelError
from probe.pipeline import Input, Probe
from probe.prepared import Options, Prepared
from probe.reporting.cohort import Cohort, gather
from probe.reporting.ledger import Asked, Ledger
from probe.reporting.mean import Noised, Range, aggregate
from probe.reporting.report import Report, Terms, report_of
from probe.types import Call, Result, Text, Tokens

LOSS, SHARE = "loss", "member_share"


class Reporter:
    """Reports on cohorts of texts, under terms that hold for all who share the ledger."""

    def __init__(self, ledger: Ledger, terms: Terms) -> None:
        self._ledger, self._terms = ledger, terms

    def __call__(self, probe: Probe, texts: Sequence[Input]) -> Report:
        """Returns the report on some texts. Raises InputError for too few of them, Overlap, Spent, ModelError."""
        cohort = gather([Text(text) if isinstance(text, str) else text for text in texts])
        if found := self.earlier(probe, cohort):
            return found
        prepared = probe.prepare(cohort.texts, self.options(probe))
        (evidence,) = probe.measure([prepared])
        return self.settle(probe, cohort, prepared, probe.judge(prepared, evidence))

    def options(self, probe: Probe) -> Options:
        """Returns what the texts are to be scored by."""
        chosen = {LOSS, probe.calibration.score} if probe.calibration else {LOSS}
        return Options(frozenset(chosen), max_tokens=self._terms.max_tokens)

    def earlier(self, probe: Probe, cohort: Cohort) -> Report | None:
        """Returns the report that was made already, None where one may be made. Raises Spent, InputError."""
        found = self._ledger.earlier(self._asked(probe, cohort))
        if found is None:
            self._check(len(cohort.texts))
        return report_of(found) if found else None

    def settle(self, probe: Probe, cohort: Cohort, prepared: Prepared, results: Sequence[Result]) -> Report:
        """Returns the report on the cohort's texts as they were scored. Raises as a call does."""
        read = [isinstance(entry, Tokens) for entry in prepared.target]  # n must not depend on what the models say
        counted = [result for result, fit in zip(results, read, strict=True) if fit]
        self._check(len(counted))
        if any(result.target is None for result in counted):
            raise ModelError("The models did not score all of the texts; nothing was told or spent. Send them again.")
        values, barred = _values(probe, counted, self._terms.clip), _barred(counted)
        if barred:
            del values[SHARE]

        def make(left: float) -> dict[str, Any]:
            return asdict(Report(
                id=f"aggregate-{uuid4().hex}", created=int(time.time()), target=probe.target.identity.model,
                calibration=probe.calibration.name if probe.calibration else None,
                given=cohort.given, counted=len(counted), copies=cohort.copies,
                left_out=cohort.given - cohort.copies - len(counted), statistics=self._noised(values),
                epsilon=float(self._terms.epsilon), left=left, warnings=(*probe.warnings, *barred),
            ))  # fmt: skip

        return report_of(self._ledger.settle(self._asked(probe, cohort), make))

    def _noised(self, values: dict[str, tuple[list[float], Range]]) -> dict[str, Noised]:
        part = Fraction(self._terms.epsilon) / len(values)
        return {name: aggregate(found, clip, part) for name, (found, clip) in values.items()}

    def _asked(self, probe: Probe, cohort: Cohort) -> Asked:
        calibration = content_hash(probe.calibration) if probe.calibration else ""
        return Asked(cohort, probe.target.identity.model, calibration, self._terms.epsilon)

    def _check(self, count: int) -> None:
        if count < self._terms.least:
            raise InputError(
                f"{count:,} distinct texts that can be scored; a report takes {self._terms.least:,} at least. Send a "
                "larger cohort.", "input",
            )  # fmt: skip


def _values(probe: Probe, counted: Sequence[Result], clip: Range) -> dict[str, tuple[list[float], Range]]:
    """Returns each statistic's values, one per text, and the range that they are clipped to."""
    losses = [one.target.loss for one in counted if one.target]
    if not probe.calibration:
        return {LOSS: (losses, clip)}
    members = [float(one.verdict is not None and one.verdict.call is Call.MEMBER) for one in counted]
    return {LOSS: (losses, clip), SHARE: (members, (0.0, 1.0))}


def _barred(counted: Sequence[Result]) -> tuple[str, ...]:
    """Says where no text can be called member: by gates on sets, which depend on words and the calibration alone."""
    gates = [one.verdict.gates for one in counted if one.verdict]
    if failed := [name for name in SET_LEVEL if any(found.get(name) == "fail" for found in gates)]:
        return (f"No share of members: these gates failed, so that no verdict says member: {', '.join(failed)}.",)
    return ()
