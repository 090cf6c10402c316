"""One model of a fleet under attack by all others: what they say of the texts, as a target's shadows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from probe.models.base import Engine
from probe.setup import Setup
from probe.shadow.folder import place_of
from probe.shadow.shadows import Open, Shadows
from probe.shadow.study import study
from probe.shadow.universe import Membership, Universe


def duel(
    folder: Path, found: Universe, number: int, reference: Engine, opened: Open, *, target: Engine | None = None,
    attacks: bool = True, say: Callable[[str], None] = lambda what: None,
) -> Setup:  # fmt: skip
    """Returns what texts are measured with: model `number` of the fleet, or who stands in its place, and its shadows.

    attacks: whether they learn classifiers. Raises ModelError.
    """
    others = [place for place in range(len(found.inside)) if place != number]
    engines, inside = [opened(str(place_of(folder, place))) for place in others], found.inside[others]
    learned = study(engines, reference, found.texts, inside, found.population, number, say, attacks)
    shadows = Shadows(engines, Membership.of_texts(found.texts, inside), found.population, learned, str(folder))
    return Setup(target or opened(str(place_of(folder, number))), reference, shadows=shadows)
