"""The four outcomes, and which one holds where several do.

1. traces left: a difference towards the model before is shown and equivalence is not, or a single text stands out so.
2. over-forgotten: the same the other way: below what a model says that never saw the texts, which gives them away too.
3. deleted: equivalence is shown. It goes before a difference: the margin was said beforehand, and with texts enough
any two models differ. It does not go before a single text: a mean over a hundred hides three that stayed whole. 4. not
shown: no evidence is not deleted.

A text stands out where `alone` (deviations.py) is alpha at most. Its q-value does not decide here: among many called
texts it lets a share of false ones through by design.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from probe.audit.deletion.deviations import Deviations
from probe.audit.deletion.effect import Contrast, Equivalence
from probe.audit.metrics import Vector


class Outcome(StrEnum):
    """What is said of a text or of all of them; of a single text never `deleted`."""

    DELETED = "deleted"
    TRACES = "traces left"
    OVER = "over-forgotten"
    UNSHOWN = "not shown"


@dataclass(frozen=True, slots=True)
class Decision:
    """equal, differs: what is shown of all texts; traces, over: places of deleted texts that stand out alone."""

    outcome: Outcome
    equal: bool
    differs: bool
    traces: tuple[int, ...]
    over: tuple[int, ...]


def decide(effect: Contrast | None, same: Equivalence | None, found: Deviations, alpha: float) -> Decision:
    """effect, same: None where there are too few texts for them."""
    traces, over = outstanding(found, alpha)
    equal = same is not None and same.p <= alpha
    differs = effect is not None and effect.p <= alpha
    value = effect.value if effect and differs and not equal else 0.0
    if value > 0 or traces:
        outcome = Outcome.TRACES
    elif value < 0 or over:
        outcome = Outcome.OVER
    else:
        outcome = Outcome.DELETED if equal else Outcome.UNSHOWN
    return Decision(outcome, equal, differs, traces, over)


def outstanding(found: Deviations, alpha: float) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Returns the places of deleted texts that stand out, towards the model before and away from it."""
    out = found.alone <= alpha
    up, down = ((out & side).nonzero()[0].tolist() for side in (found.z > 0, found.z < 0))
    return tuple(up), tuple(down)


def calls(found: Deviations, q: Vector, alpha: float) -> list[Outcome]:
    """Returns what is said of each text: where its q-value is alpha at most, or it stands out."""
    called = (q <= alpha) | (found.alone <= alpha)
    return [
        Outcome.UNSHOWN if not flag else Outcome.TRACES if z > 0 else Outcome.OVER
        for flag, z in zip(called.tolist(), found.z.tolist(), strict=True)
    ]
