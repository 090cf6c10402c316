"""The verdict on ranks: `member` where their p-value is at most alpha, else `inconclusive`.

There is no `not_member`: a canary that was read and forgotten looks like one that was never read. The evidence is of
grade A, for its chance is that of the draw; what rests on the author's word, or on a reference, is said by the gates.
"""

from __future__ import annotations

from collections.abc import Sequence

from probe.canaries.rank import Ranked, needed, p_value_of, smallest
from probe.models.base import Engine
from probe.types import Call, Gate, Verdict

_ROUNDING = 1 + 1e-9  # two tenths multiplied are a little more than a hundredth
_UNTESTED = {
    "commitment": "no published commitment was named (--commitment), so the author's word alone says that the canaries "
    "were drawn before the target was trained",
    "published": "nobody looked whether the canaries stand in what was published (--published FILE)",
    "control": "without a --reference that cannot have read them the author's word alone says that they were drawn by "
    "chance",
}
_SENT = (
    "the alternatives were sent to a server: if a model may learn from what it is sent, plant new canaries for that one"
)


def decide(ranked: Sequence[Ranked], alpha: float, gates: dict[str, Gate]) -> Verdict:
    """Returns the verdict on these ranks, one or more."""
    sizes, p_value = [one.size for one in ranked], p_value_of(ranked)
    first = sum(one.rank == 1 for one in ranked)
    said = f"{first:,} of {len(ranked):,} canaries score above all of their alternatives, and p = {p_value:.2g}"
    call, lack = Call.INCONCLUSIVE, needed(sizes, alpha)
    if lack:
        reason = (
            f"No claim: {len(ranked):,} canaries of {min(sizes) - 1:,} alternatives or more give no p-value below "
            f"{smallest(sizes):.2g}; {alpha:g} takes {lack.canaries:,} canaries more, or {lack.alternatives:,} "
            f"alternatives to each. Here {said}."
        )
    elif p_value > alpha * _ROUNDING:
        reason = (
            f"{said}, above {alpha:g}: the target shows no sign of having read them, which is no sign that it has not."
        )
    elif gates["control"] == "fail":
        reason = (
            "No claim: the reference by itself ranks the canaries high too, so it has read them, or they were not "
            "drawn by chance; name a --reference that cannot have read them."
        )
    else:
        call = Call.MEMBER
        reason = f"{said}, at most {alpha:g}; chance alone decided which were planted, so the target has read them."
    return Verdict(call, reason, p_value=p_value, gates=gates, evidence="A")


def gates_of(committed: bool, looked: bool, control: float | None, alpha: float) -> dict[str, Gate]:
    """committed: to a hash that was published; looked: into what was published; control: p-value of the reference."""
    return {
        "commitment": "pass" if committed else "untestable",
        "published": "pass" if looked else "untestable",
        "control": "untestable" if control is None else "fail" if control <= alpha * _ROUNDING else "pass",
    }


def notes_of(ranked: Sequence[Ranked], engines: Sequence[Engine | None], gates: dict[str, Gate]) -> tuple[str, ...]:
    """Returns what a reader has to know beside the verdict."""
    notes = [said for name, said in _UNTESTED.items() if gates[name] == "untestable"]
    if lost := sum(one.lost for one in ranked):
        notes.append(f"{lost:,} alternatives could not be scored, and do not count")
    if any(engine and engine.identity.engine.startswith("remote") for engine in engines):
        notes.append(_SENT)
    return (*notes, *(warning for engine in engines if engine for warning in engine.warnings))
