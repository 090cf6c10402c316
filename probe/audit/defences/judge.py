"""One arm: a model of its fleet attacked by all others, and what that shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from probe.audit.defences.arms import GROUPED, Arm
from probe.audit.defences.deal import Canary, planted
from probe.audit.defences.exposure import Exposure, exposure
from probe.audit.defences.grouped import grouped, usual
from probe.audit.figures import FPRS, Figures, halves, measure
from probe.audit.metrics import Vector
from probe.audit.one_run import CONFIDENCE, Flags
from probe.audit.privacy import DELTA, Shown, shown
from probe.models.base import Engine
from probe.pipeline import Probe
from probe.prepared import Options
from probe.setup import Setup
from probe.shadow.duel import duel
from probe.shadow.folder import base_of, place_of
from probe.shadow.plan import Plan
from probe.shadow.recipe import Recipe, read_recipe
from probe.shadow.shadows import Open
from probe.shadow.study import phis
from probe.shadow.universe import Universe
from probe.types import Text, Tokens, TokenStats

ATTACK = "lira"  # named before anything is measured: the strongest that few shadows allow (docs/decisions/0013)
ATTACKS = (ATTACK, "lira_offline", "rmia", "quantile", "ref", "loss")
_SEED = 0  # of halves, on which thresholds are tuned


@dataclass(frozen=True, eq=False)
class Outcome:
    """perplexity: of texts that no model read; fitted: of those that this one was trained on. figures, values (of
    members, of non-members): by attack. shown: by ATTACK, None where guesses hang together. promise: epsilon and delta.
    exposure: of canaries that were in, and of others; None where single texts are not told of. terms: what the promise
    rests on: noise in units of clip, a text's share of the steps, steps.
    """

    arm: str
    perplexity: float
    fitted: float
    figures: Mapping[str, Figures]
    values: Mapping[str, tuple[Vector, Vector]]
    shown: Shown | None
    promise: tuple[float, float] | None
    exposure: tuple[Exposure, Exposure] | None
    note: str = ""
    recipe: Recipe | None = None
    terms: Mapping[str, float] | None = None


def judge(
    arm: Arm, plan: Plan, found: Universe, folder: Path, secrets: Sequence[Canary], opened: Open
) -> tuple[Outcome, Setup]:
    """Returns what the attacks show, and the models that they asked. Raises ModelError."""
    number = len(found.inside) - 1
    setup = duel(folder, found, number, opened(plan.reference or base_of(folder, plan.base)), opened, attacks=False)
    member = found.inside[number]
    chosen = np.array([not planted(text) for text in found.texts])
    texts = [text for text, there in zip(found.texts, chosen, strict=True) if there]
    results = [one for part in Probe.of(setup).each(texts, Options(frozenset(ATTACKS))) for one in part]
    scores = {
        name: np.array([np.nan if (value := one.scores[name].value) is None else value for one in results])
        for name in ATTACKS
    }
    inside = [text for text, there in zip(found.texts, member, strict=True) if there]
    fitted = [text for text in inside if not planted(text)]  # random digits are no measure of what was learned
    return Outcome(
        arm.name, perplexity(setup.target, found.population), perplexity(setup.target, fitted),
        *measured(scores, member[chosen]),
        shown(scores[ATTACK], member[chosen], arm.promise[1] if arm.promise else DELTA, _SEED), arm.promise,
        exposure(setup.target, secrets, {text.text for text in inside}), recipe=arm.recipe,
        terms=read_recipe(str(place_of(folder, number))).get("private"),
    ), setup  # fmt: skip


def judge_grouped(none: Outcome, setup: Setup, found: Universe, cohort: int, epsilon: float) -> Outcome:
    """Returns what is left of the attack where the undefended model's losses are told of cohorts alone."""
    texts = [text for text in found.texts if not planted(text)]
    member = found.inside[-1][[not planted(text) for text in found.texts]]
    loss, (ins, outs) = -phis(setup.target, texts), usual(setup, texts)
    good = ~np.isnan(loss + ins[0] + outs[0])
    scores = np.full(len(texts), np.nan)
    ins, outs = ((mean[good], sd[good]) for mean, sd in (ins, outs))
    scores[good] = grouped(loss[good], member[good], ins, outs, cohort, epsilon)
    promise = (epsilon, 0.0)
    note = f"of single losses in a report on {cohort} texts; the model itself must not be within reach"
    found_by = measured({ATTACK: scores}, member)
    return Outcome(GROUPED, none.perplexity, none.fitted, *found_by, None, promise, None, note)


def measured(
    scores: Mapping[str, Vector], member: Flags
) -> tuple[dict[str, Figures], dict[str, tuple[Vector, Vector]]]:  # fmt: skip
    """Returns figures and values by attack. scores: [texts] each."""
    tuning = halves(member, _SEED)
    split = {name: (row[member & ~np.isnan(row)], row[~member & ~np.isnan(row)]) for name, row in scores.items()}
    figures = {name: measure(row, member, tuning, FPRS, CONFIDENCE) for name, row in scores.items()}
    return figures, split


def perplexity(engine: Engine, texts: Sequence[Text]) -> float:
    """Returns exp of the mean loss of all tokens together; NaN where none can be scored."""
    entries = [entry for entry in engine.tokenize([text.text for text in texts]) if isinstance(entry, Tokens)]
    stats = [one for one in engine.score(entries) if isinstance(one, TokenStats)]
    tokens = sum(len(one.logprob) for one in stats)
    return math.exp(-sum(float(one.logprob.sum()) for one in stats) / tokens) if tokens else math.nan
