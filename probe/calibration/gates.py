"""Gates: conditions without which a score above the threshold does not mean membership.

pass / fail / untestable. Text level: support (enough non-members of its length, reference loss and variety within the
calibration's) and overlap (no run of words shared with the known texts). Set level: size, decided here; blind, placebo
and split, decided when the calibration was made (examine.py), and untestable where it does not say. For a hundred texts
or more the blind gate is decided for them too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from probe.calibration.blind import Bag
from probe.calibration.calibration import Calibration
from probe.calibration.conformal import needed
from probe.data.overlap import overlap
from probe.types import Claim, Gate

SET_LEVEL = ("blind", "placebo", "split")
ALIKE, ALIKE_SHARE = 50, 0.1  # known non-members of a text's length: so many, or this share of all if that is fewer
BATCH = 100  # texts from which on a request is examined as a set


@dataclass(frozen=True, slots=True)
class Gates:
    """results: name -> pass / fail / untestable; why: one sentence for each failed gate."""

    results: dict[str, Gate]
    why: dict[str, str]

    @property
    def failed(self) -> list[str]:
        return [name for name, result in self.results.items() if result == "fail"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text stands. difficulty: reference loss, nats per token; variety: share of distinct tokens; bag: of its
    words."""

    tokens: int
    difficulty: float
    variety: float
    bag: Bag | None = None


def check(calibration: Calibration, claims: Sequence[Claim], text: str, place: Place) -> Gates:
    """Returns every gate of one text."""
    why = {
        "size": _size(max(claims, key=lambda claim: claim.smallest_alpha)),
        "support": _support(calibration, place),
        "overlap": _overlap(calibration.shingles, text),
    }
    results: dict[str, Gate] = {name: "fail" if reason else "pass" for name, reason in why.items()}
    results |= {name: calibration.gates.get(name, "untestable") for name in SET_LEVEL}
    for name in SET_LEVEL:
        if results[name] == "fail":
            why[name] = calibration.findings.get(name, f"the calibration's {name} gate failed")
    return Gates(results, {name: reason for name, reason in why.items() if reason})


def _size(claim: Claim) -> str:
    if claim.k:
        return ""
    kind = f" of its kind ({claim.kind})" if claim.kind else ""
    return (
        f"{claim.nonmembers:,} known non-members{kind} allow no claim below FPR {claim.smallest_alpha:.2%}; "
        f"FPR {_percent(claim.alpha)} takes {needed(claim.alpha):,}"
    )


def _percent(rate: float) -> str:
    return f"{rate:.2%}" if rate >= 1e-3 else f"{100 * rate:.3g}%"


def _support(calibration: Calibration, place: Place) -> str:
    shortest, longest = calibration.lengths
    if not shortest <= place.tokens <= longest:
        remedy = "send a longer passage" if place.tokens < shortest else "send a passage of it"
        return f"it has {place.tokens} tokens and the calibration covers {shortest} to {longest}; {remedy}"
    near = calibration.of_like_length(place.tokens)
    enough = min(ALIKE, math.ceil(ALIKE_SHARE * len(calibration.tokens)))
    if near < enough:
        return (
            f"it has {place.tokens} tokens, and {near} of the calibration's {len(calibration.tokens):,} known "
            f"non-members are of about that length, where {enough} are needed; calibrate with more of them"
        )
    easiest, hardest = calibration.difficulties
    if not easiest <= place.difficulty <= hardest:
        return (
            f"its loss under the reference, {place.difficulty:.2f} nats per token, is outside the "
            f"{easiest:.2f} to {hardest:.2f} of nearly all known non-members: it is another kind of text; "
            "name or make a calibration of its kind"
        )
    if place.variety < (least := calibration.least_variety):
        return f"it repeats itself: {place.variety:.0%} of its tokens are distinct, the calibration has {least:.0%} up"
    if place.bag is not None and float(calibration.commonness[place.bag].mean()) < calibration.familiarity:
        return (
            "its words are rarer among the calibration's texts than those of nearly all of these: it is another kind "
            "of text; name or make a calibration of its kind"
        )
    return ""


def _overlap(known: npt.NDArray[np.uint32], text: str) -> str:
    if shared := overlap(text, known):
        return f"it shares a run of {shared} words with the texts of the calibration or of its reference"
    return ""
