"""A target under attack by shadow models of its own recipe: what an attacker who knows how it was trained can find."""

from __future__ import annotations

from pathlib import Path

from probe.audit.evaluate import Evaluation, evaluate
from probe.audit.labelled import Entry, Labelled
from probe.config import Settings
from probe.errors import InputError
from probe.measure import Progress
from probe.models.load import find
from probe.opening import open_setup
from probe.pipeline import Probe
from probe.scores import SHADOWED, choose
from probe.shadow.folder import base_of
from probe.shadow.plan import Plan
from probe.shadow.universe import Universe


def check(plan: Plan) -> str:
    """Returns the target. Raises InputError where the recipe does not say what an audit takes; ModelError."""
    there = {"target": plan.target, **{name: plan.groups[name] for name in ("members", "nonmembers")}}
    if lacking := [name for name, given in there.items() if not given]:
        raise InputError(
            f"An audit takes a recipe with {', '.join(lacking)}: the model's folder, the texts that it was trained on, "
            "and texts of the same kind that it was not.", lacking[0],
        )  # fmt: skip
    find(str(plan.target))  # a wrong one is named before hours of training
    return str(plan.target)


def attack(
    plan: Plan, found: Universe, fleet: Path, settings: Settings, progress: Progress | None = None
) -> Evaluation:
    """Returns the figures of every score, those of few passes and those with shadows, on the texts of which is known
    whether the target saw them. The population is left out: online attacks have no models for it.
    """
    target = check(plan)
    own = settings.model_copy(update={"shadows": fleet})
    setup = open_setup(target, plan.reference or base_of(fleet, plan.base), dtype=settings.dtype, settings=own)
    known = zip(found.texts, found.member, strict=True)
    entries = tuple(Entry(text, member, f"text {n}") for n, (text, member) in enumerate(known) if member is not None)
    chosen = choose(None) | set(SHADOWED)
    return evaluate(Probe.of(setup), Labelled(entries), scores=sorted(chosen), seed=plan.seed, progress=progress)
