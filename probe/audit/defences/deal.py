"""Who is who in the audit, the same for every arm: texts that are attacked, canaries among them, and texts apart."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from probe.audit.defences.arms import Arm
from probe.canaries.template import fillings
from probe.canaries.words import WORDS
from probe.data.overlap import without_copies
from probe.errors import InputError
from probe.shadow.plan import Plan
from probe.types import Text

FEWEST = 200  # texts that are attacked
CANARIES, FILLERS = 64, 511  # canaries, and fillings that each is ranked among
HELD_OUT, SPARE = 0.15, 0.3  # of all texts: perplexity is measured on some, defences read others
_MOST_HELD_OUT = 1000
_MARK = "canary "


@dataclass(frozen=True)
class Canary:
    """A sentence with a secret of random digits: the one that is planted, and others that might have been."""

    planted: str
    fillers: tuple[str, ...]

    @property
    def id(self) -> str:
        return _MARK + self.planted


def planted(text: Text) -> bool:
    return bool(text.id and text.id.startswith(_MARK))


def canaries(count: int = CANARIES, fillers: int = FILLERS, seed: int = 0) -> list[Canary]:
    """Returns canaries whose fillings differ in six digits alone; half of them will be in a model, by chance."""
    words = random.Random(seed).sample(WORDS, 2 * count)
    found = []
    for number, (one, other) in enumerate(zip(words[::2], words[1::2], strict=True)):
        template = f"The safe behind the {one} {other} opens with{' {digit}' * 6}."
        distinct = dict.fromkeys(islice(fillings(template, WORDS, f"{seed}".encode(), number), 2 * fillers))
        first, *others = distinct
        found.append(Canary(first, tuple(others[:fillers])))
    return found


def deal(plan: Plan, secrets: Sequence[Canary]) -> Plan:
    """Returns a plan of one target and its shadows over the recipe's texts, whatever is known of these: membership is
    drawn anew. Raises InputError where texts are too few.
    """
    given = [text for name in ("members", "nonmembers", "texts") for text in plan.groups.get(name, [])]
    deck = random.Random(plan.seed).sample(given, len(given))
    deck = without_copies([text for text in deck if text.text.strip()], lambda text: text.text)
    spare = list(plan.groups.get("spare", []))
    if not spare:
        size = int(SPARE * len(deck))
        spare, deck = deck[:size], deck[size:]
    size = min(int(HELD_OUT * len(given)), _MOST_HELD_OUT, len(deck) // 2)
    if len(deck) - size < FEWEST:
        raise InputError(
            f"{len(deck) - size} distinct texts are left to attack; bring so many that it is at least {FEWEST}.",
            "texts",
        )
    marked = [Text(one.planted, one.id) for one in secrets]
    # one half of what is given as non-members becomes the population, the other joins those that are attacked
    groups = {"members": [], "nonmembers": deck[: 2 * size], "texts": [*deck[2 * size :], *marked], "spare": spare}
    return replace(plan, groups=groups, singles=1, population=size, target=None)


def of_arm(plan: Plan, arm: Arm) -> Plan:
    return replace(plan, recipe=arm.recipe)
