"""A deletion audit in plain words: why the outcome is what it is, and what such texts can show."""

from __future__ import annotations

from probe.audit.deletion.decide import Outcome
from probe.audit.deletion.result import Deletion
from probe.audit.deletion.together import Together
from probe.types import Unscored

UNIT = "nats per token"


def reason(found: Deletion) -> str:
    """Returns why the outcome is what it is."""
    whole, decision = found.together, found.decision
    if found.outcome is Outcome.UNSHOWN:
        return (
            "Neither a difference to models retrained without the texts nor its absence is shown. No evidence of "
            "traces is no evidence of deletion."
        )
    said = []
    if isinstance(whole, Together) and (decision.differs or decision.equal):
        said.append(_of_all(found, whole))
    singles = decision.traces if found.outcome is Outcome.TRACES else decision.over
    if singles and found.outcome is not Outcome.DELETED:
        names = ", ".join(found.ids[place] for place in singles[:5])
        how = "likelier" if found.outcome is Outcome.TRACES else "less likely"
        said.append(
            f"Single texts that stand out as {how} than retrained models and every unseen text allow: "
            f"{len(singles):,} ({names}{' ...' if len(singles) > 5 else ''})."
        )
    return " ".join(said)


def _of_all(found: Deletion, whole: Together) -> str:
    effect = whole.effect.interval(1 - found.options.alpha)
    how = "likelier" if effect.value > 0 else "less likely"
    size = f"{abs(effect.value):.4f} {UNIT}"
    if found.decision.equal:
        said = f"On average the deleted texts are {size} {how} than under models retrained without them, "
        return said + f"within the margin of {found.options.margin}{_in_nats(found, whole)}."
    said = f"The deleted texts are {size} {how} than under models retrained without them (p = {whole.effect.p:.2g})"
    if effect.value < 0:
        return said + ": a model that never saw them would not say so, which gives them away too."
    share = f": {effect.value / whole.earlier.value:.0%} of what they had before" if whole.earlier.value > 0 else ""
    return said + share + "."


def _in_nats(found: Deletion, whole: Together) -> str:
    share = found.options.margin.nats is None and whole.same.nats
    return f", {whole.same.nats:.4f} {UNIT}" if share else ""


def limits(found: Deletion) -> str:
    """Returns what these texts could have shown, and how many would show that nothing is left."""
    whole = found.together
    if isinstance(whole, Unscored):
        return f"All texts together: {whole.reason}."
    said = f"So many texts show an effect of {whole.detectable:.4f} {UNIT} or more (power .8)."
    if found.outcome in (Outcome.TRACES, Outcome.OVER):
        return said  # how many texts would show that nothing is left is no matter where something is
    if whole.same.needed is None:
        return said + " No number of texts would show less than a share of an effect that was not there before."
    deleted, unseen = whole.same.needed
    what = "sources" if whole.by_source else "texts"
    return (
        said
        + f" To show that nothing beyond the margin is left takes {deleted:,} deleted and {unseen:,} unseen {what}."
    )
