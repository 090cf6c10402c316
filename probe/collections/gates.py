"""When a difference between suspect documents and controls may be called membership: size and blind, one set each.

blind: words alone must not tell the two apart. Every document is one bag, so that passages of one document on both
sides of a fold give nothing away. Unlike for single texts, an AUC just over .5 fails too where its interval excludes
.5: a test of thousands of documents would find a shift that small. Few documents may fail, but cannot pass.
Two random parts of one set need no such test. placebo, where a model for it is named: one that saw none of the
documents must not score the suspect ones higher.
"""

from __future__ import annotations

from collections.abc import Sequence

from probe.calibration.blind import FEWEST as CLEARED
from probe.calibration.blind import Finding, bag_all, separation
from probe.collections.documents import Document
from probe.types import Gate, Grade, Unscored

FEWEST = 10  # documents of each kind
PLACEBO = 0.05  # p-value up to which a placebo finds what it must not


def check(suspect: Sequence[Document], controls: Sequence[Document], random_split: bool) -> dict[str, Finding]:
    """Returns what was decided and why, by gate."""
    fewest = min(len(suspect), len(controls))
    enough = f"{len(suspect):,} suspect and {len(controls):,} control documents; a claim takes {FEWEST} of each"
    return {
        "size": ("pass" if fewest >= FEWEST else "fail", enough),
        "blind": ("pass", "suspect and controls are random parts of one set")
        if random_split
        else _blind(suspect, controls),
    }


def least(random_split: bool) -> int:
    """Returns the documents on each side below which the gates allow no claim."""
    return FEWEST if random_split else CLEARED


def check_placebo(p_value: float | Unscored) -> Finding:
    """Decides the gate from the p-value that the placebo's scores give, by the test that the claim rests on."""
    if isinstance(p_value, Unscored):
        return "untestable", f"under the placebo {p_value.reason}"
    said = f"a model that saw none of the documents gives p = {p_value:.2g}"
    return ("fail", f"{said}: the suspect ones score higher by themselves") if p_value <= PLACEBO else ("pass", said)


def grade(gates: dict[str, Gate], random_split: bool) -> Grade:
    """Returns B for a known random split, C for controls chosen afterwards that passed, else D."""
    if set(gates.values()) != {"pass"}:
        return "D"
    return "B" if random_split else "C"


def _blind(suspect: Sequence[Document], controls: Sequence[Document]) -> Finding:
    fewest = min(len(suspect), len(controls))
    if fewest >= FEWEST:
        mine, theirs = (bag_all([document.whole for document in side]) for side in (suspect, controls))
        found = separation(mine, theirs)
        if found.low > 0.5:
            return "fail", f"words alone tell the suspect documents from the controls (AUC {found:.3f})"
        if fewest >= CLEARED:
            return "pass", f"words alone do not tell the suspect documents from the controls (AUC {found:.3f})"
    return "untestable", (
        f"with {fewest} documents on one side nothing shows that the controls are of the suspects' kind: it takes "
        f"{CLEARED} on each side, or a known random split (--random-split)"
    )
