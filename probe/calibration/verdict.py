"""From a calibrated score and the gates to one of four answers, with its reason in a plain sentence.

exceeds = fewer than k known non-members score at least as high (k from the Beta rule).
exceeds and p_member > b -> member; neither -> not_member; only not exceeding -> inconclusive; exceeding, yet unlike the
known members -> out_of_distribution. Without known members there is no not_member. A failed support gate gives
out_of_distribution, any other failed gate makes the answer inconclusive.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from probe.audit.metrics import rate
from probe.calibration.calibration import Bar, Calibration
from probe.calibration.conformal import at_least, at_most, p_value
from probe.calibration.gates import SET_LEVEL, Gates
from probe.types import Call, Claim, Gate, Grade, Verdict

PRIORS = (0.5, 0.1, 0.01)  # shares of members among the texts that are asked about
MEMBER_LEVEL = 0.05  # b: a text below all but 5% of the known members is unlike them


def decide(calibration: Calibration, bars: Sequence[Bar], score: float, member_score: float, gates: Gates) -> Verdict:
    """Returns the verdict on a score calibrated against non-members and against members.

    It has to exceed every bar; the one that it exceeds least is what the verdict names.
    """
    bar = max(bars, key=lambda bar: p_value(bar.scores, score))
    claim, above = bar.claim, at_least(bar.scores, score)
    m = len(calibration.members)
    p_member = (1 + at_most(calibration.members, member_score)) / (m + 1) if m else None
    exceeds = all(at_least(one.scores, score) < one.claim.k for one in bars)
    call, reason = _call(exceeds, p_member, above, claim)
    if "support" in gates.failed:
        call, reason = Call.OUT_OF_DISTRIBUTION, f"Not comparable: {gates.why['support']}."
    elif gates.failed and call is not Call.OUT_OF_DISTRIBUTION:
        call, reason = Call.INCONCLUSIVE, f"No claim: {'; '.join(gates.why[name] for name in gates.failed)}."
    if call is Call.MEMBER and all(gates.results.get(name) == "untestable" for name in SET_LEVEL):
        reason += " Whether it is of the calibration's kind was not tested: no proof."
    ppv = _ppv(calibration, bar) if call is Call.MEMBER else {}
    return Verdict(
        call=call, reason=reason, p_value=p_value(bar.scores, score), p_member=p_member, claim=claim,
        gates=gates.results, evidence=grade(gates.results, calibration.basis),
        ppv=ppv,
    )  # fmt: skip


def _ppv(calibration: Calibration, bar: Bar) -> dict[float, float]:
    """Returns prior * TPR / (prior * TPR + (1 - prior) * FPR), with the least TPR that the known members allow (95%,
    Clopper-Pearson) and the greatest FPR that is claimed.
    """
    m, fpr = len(calibration.found), bar.claim.alpha
    if not m:
        return {}
    tpr = rate(at_least(calibration.found, np.nextafter(bar.scores[-bar.claim.k], np.inf)), m).low
    return {prior: prior * tpr / (prior * tpr + (1 - prior) * fpr) for prior in PRIORS}


def uncalibrated(reason: str) -> Verdict:
    """Returns the only honest answer without a calibration."""
    return Verdict(Call.INCONCLUSIVE, reason, evidence="D")


def grade(gates: dict[str, Gate], basis: str) -> Grade:
    """Returns B for a known random split, C for a calibration made afterwards, D where some gate cannot be tested."""
    if "untestable" in gates.values() or "fail" in gates.values():
        return "D"
    return "B" if basis == "split" else "C"


def _call(exceeds: bool, p_member: float | None, above: int, claim: Claim) -> tuple[Call, str]:
    kind = f" of their kind ({claim.kind})" if claim.kind else ""
    others = f"{above:,} of {claim.nonmembers:,} known non-members{kind}"
    unlike = p_member is not None and p_member <= MEMBER_LEVEL
    rule = f"threshold for FPR {claim.alpha:.3g}: fewer than {claim.k:,}"
    if exceeds and unlike:
        return (
            Call.OUT_OF_DISTRIBUTION,
            f"Unlike both: only {others} score as high, yet nearly all known members higher.",
        )
    if exceeds:
        return Call.MEMBER, f"Only {others} score as high ({rule})."
    if unlike:
        better = f"nearly all of {claim.members:,} known members higher"
        return Call.NOT_MEMBER, f"{others} score as high, and {better} (this speaks of this very wording)."
    if p_member is None:
        return Call.INCONCLUSIVE, f"{others} score as high ({rule}); without known members this rules nothing out."
    return Call.INCONCLUSIVE, f"{others} score as high ({rule}), and so low a score is not rare among known members."
