"""The outcomes as one table: what a defence costs, and what attackers who know it still find."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from probe.audit.defences.exposure import Exposure
from probe.audit.defences.judge import ATTACK, Outcome
from probe.audit.figures import Figures, as_json
from probe.audit.privacy import DELTA
from probe.audit.report import cells, said
from probe.shadow.plan import Plan
from probe.shadow.recipe import Recipe
from probe.versions import versions


def row(found: Outcome) -> dict[str, str]:
    """Returns the figures of one defence by the head of their column."""
    measured = {name: said(figure) for name, figure in cells(found.figures[ATTACK]).items() if name != "advantage"}
    promise = f"{found.promise[0]:g} (delta {found.promise[1]:g})" if found.promise else "none"
    exposed = [_bits(one) for one in found.exposure] if found.exposure else ["single texts are not told of", ""]
    return {
        "defence": found.arm, "held-out perplexity": f"{found.perplexity:.3f}",
        "of its own texts": f"{found.fitted:.3f}", **measured,
        "epsilon promised": promise,
        "epsilon shown": f"{found.shown.one_run:.2f}" if found.shown else "not by this bound",
        "exposure of canaries, bits": exposed[0], "of canaries never seen": exposed[1],
    }  # fmt: skip


def otherwise(found: Outcome, recipe: Recipe) -> str:
    """Returns what is trained otherwise than by the recipe."""
    own = asdict(found.recipe) if found.recipe else {}
    said = [f"{name} {value}" for name, value in own.items() if getattr(recipe, name) != value]
    if found.terms:
        said.append(
            f"noise of {found.terms['noise']:.3g} times the clip in {found.terms['steps']:,} steps, "
            f"each of which takes a text with probability {found.terms['share']:.3g}"
        )
    return ", ".join(said) or "-"


def others(found: Outcome) -> dict[str, str]:
    """Returns the AUC of every attack but ATTACK."""
    return {name: said(figures.auc) for name, figures in found.figures.items() if name != ATTACK}


def sentences(found: Sequence[Outcome]) -> list[str]:
    """Returns what was measured and how to read it."""
    first = found[0].figures[ATTACK]
    return [
        f"{first.members:,} members and {first.nonmembers:,} others, drawn text by text, were attacked by {ATTACK}; "
        "its shadow models were trained as the target was: the attacker knows the defence.",
        "Epsilon shown is a lower bound at 95% confidence from the one training (Steinke et al. 2023), at the promised "
        f"delta, else at {DELTA:g}: no training with a smaller one would have let the attack find so much. 0 shows "
        "nothing, and is no promise.",
        "A canary that was never seen has an exposure of 1.44 bits in the mean.",
    ]  # fmt: skip


def as_dict(found: Sequence[Outcome], plan: Plan, kind: str = "defences") -> dict[str, Any]:
    """Returns the outcomes as plain JSON values."""
    return {
        "object": kind, "attack": ATTACK, "summary": sentences(found), "confidence": 0.95,
        "base": plan.base, "shadows": plan.shadows, "seed": plan.seed, "recipe": asdict(plan.recipe),
        "arms": [_arm(one) for one in found], "versions": versions(),
    }  # fmt: skip


def _arm(found: Outcome) -> dict[str, Any]:
    promise = dict(zip(("epsilon", "delta"), found.promise, strict=True)) if found.promise else None
    exposure = dict(zip(("inside", "outside"), map(_plain, found.exposure), strict=True)) if found.exposure else None
    return {
        "defence": found.arm, "perplexity": _number(found.perplexity),
        "fitted_perplexity": _number(found.fitted), "promise": promise, "note": found.note,
        "shown": {name: _number(value) for name, value in asdict(found.shown).items()} if found.shown else None,
        "recipe": asdict(found.recipe) if found.recipe else None, "terms": found.terms, "exposure": exposure,
        "attacks": {name: _figures(figures) for name, figures in found.figures.items()},
    }  # fmt: skip


def _figures(figures: Figures) -> dict[str, Any]:
    return {
        "members": figures.members, "nonmembers": figures.nonmembers,
        **{name: as_json(figure) for name, figure in cells(figures).items()},
    }  # fmt: skip


def _bits(found: Exposure) -> str:
    if math.isnan(found.mean):
        return f"not measured: {found.canaries} canaries"
    return f"{found.mean:.2f} [{found.low:.2f}, {found.high:.2f}]"


def _plain(found: Exposure) -> dict[str, Any]:
    return {name: _number(value) for name, value in asdict(found).items()}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
