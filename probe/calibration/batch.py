"""Many texts at once: the blind gate for them as a set, and q-values over all that were tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from probe.calibration.blind import Finding, bag_all, blind
from probe.calibration.calibration import Calibration
from probe.calibration.conformal import q_values
from probe.calibration.gates import BATCH
from probe.calibration.verdict import grade
from probe.types import Call, Gate, Result, Text, Verdict


def as_batch(results: Sequence[Result], texts: Sequence[Text], calibration: Calibration | None) -> list[Result]:
    """Returns the results of all texts of a request as they are once these are seen together."""
    return with_q_values(with_blind_gate(results, texts, calibration))


def with_blind_gate(results: Sequence[Result], texts: Sequence[Text], calibration: Calibration | None) -> list[Result]:
    """Holds a hundred texts or more against the calibration's non-members: no verdict on texts of another kind."""
    judged = [text.text for text, result in zip(texts, results, strict=True) if result.verdict]
    if calibration is None or len(judged) < BATCH:
        return list(results)
    finding = find_blind(judged, calibration)
    return [regated(result, finding, calibration) for result in results]


def find_blind(texts: Sequence[str], calibration: Calibration) -> Finding:
    """Returns what the blind gate finds of texts as a set."""
    return blind(bag_all(texts), calibration.bags, "these texts", lengths=False)


def regated(result: Result, finding: Finding, calibration: Calibration) -> Result:
    """Returns the result as it is once its text is seen as one of a set."""
    return replace(result, verdict=_regated(result.verdict, *finding, calibration)) if result.verdict else result


def _regated(verdict: Verdict, gate: Gate, why: str, calibration: Calibration) -> Verdict:
    if verdict.claim is None or verdict.gates.get("blind") == "fail":
        return verdict
    gates = verdict.gates | {"blind": gate}
    found = replace(verdict, gates=gates, evidence=grade(gates, calibration.basis))
    if gate == "fail" and verdict.call in (Call.MEMBER, Call.NOT_MEMBER):
        return replace(found, call=Call.INCONCLUSIVE, ppv={}, reason=f"No claim: {why}.")
    return found


def with_q_values(results: Sequence[Result]) -> list[Result]:
    """Returns the results with Benjamini-Hochberg q-values over all whose p-value stands (Verdict.tested)."""
    found = list(results)
    tested = [i for i, result in enumerate(found) if result.verdict and result.verdict.tested]
    p_values = [float(v.p_value) for i in tested if (v := found[i].verdict) and v.p_value is not None]
    for i, q_value in zip(tested, q_values(p_values), strict=True):
        found[i] = replace(found[i], q_value=q_value)
    return found
