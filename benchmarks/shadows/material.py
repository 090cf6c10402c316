"""Passages of the embedded corpus that the embedded reference never read, and fleets that are trained on them."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from probe.data.overlap import Seen
from probe.demo.locate import find, marks
from probe.shadow.make import make
from probe.shadow.plan import Plan
from probe.shadow.recipe import Recipe
from probe.shadow.universe import Universe
from probe.types import Text

BASE = Path(__file__).parents[2] / "probe" / "demo" / "assets" / "reference"
TEXTS, POPULATION, SHADOWS, SINGLES = 2400, 1000, 14, 3  # singles: targets in turn, whose halves nobody complements
SWEEP = {  # at a low rate, as a fine-tune that memorises evenly
    "typical": Recipe(epochs=4, rate=3.5e-4, tokens=2048, muon=True),  # loss AUC about .7
    "over-fitted": Recipe(epochs=5, rate=8e-4, tokens=2048, muon=True),
    "mild": Recipe(epochs=3, rate=1.8e-4, tokens=2048, muon=True),  # about .6
}


def plan(recipe: Recipe, texts: int = TEXTS, shadows: int = SHADOWS) -> Plan:
    """Returns a fleet's plan over this many passages, and the population beside them."""
    deck = random.Random(0).sample(given := passages(), len(given))
    size = 2 * POPULATION * texts // TEXTS  # half of them are the population, the others join the universe
    groups = {
        "members": [], "nonmembers": [Text(text) for text in deck[:size]],
        "texts": [Text(text) for text in deck[size : size // 2 + texts]],
    }  # fmt: skip
    return Plan(str(BASE), groups, recipe, shadows, SINGLES, size // 2)


def passages() -> list[str]:
    return sorted(find(mark for mark in marks() if mark.role != "planted").values())


def sibling(out: Path, made: Plan, found: Universe) -> Path:
    """Returns a model that was trained by the same recipe on as many other passages, of which the fleet knows none."""
    size = int(found.inside[0].sum())
    seen = Seen(text.text for text in (*found.texts, *found.population))
    spare = [text for text in sorted(set(passages())) if not seen.shares(text)]
    if len(spare) < size:
        raise SystemExit(f"{len(spare)} passages are left for the sibling; {size} are needed")
    make(made.base, random.Random(1).sample(spare, size), replace(made.recipe, seed=made.seed), out)
    return out
