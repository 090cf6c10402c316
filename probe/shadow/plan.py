"""From what a fleet of shadow models is trained, on halves of which texts, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from probe.shadow.recipe import Recipe
from probe.types import Text

GROUPS = ("members", "nonmembers", "texts", "spare")


@dataclass(frozen=True)
class Plan:
    """groups: texts by what is known of them (GROUPS). shadows: models in pairs, singles: models whose texts are drawn
    one by one. population: non-members that no model is trained on, at most so many. defences: other ways to train.
    unread: what is wrong with rows that gave no text, a line each.
    """

    base: str
    groups: dict[str, list[Text]]
    recipe: Recipe
    shadows: int = 16
    singles: int = 0
    population: int = 1000
    reference: str | None = None
    target: str | None = None
    seed: int = 0
    defences: Mapping[str, Recipe] = field(default_factory=dict)
    unread: Sequence[str] = ()
