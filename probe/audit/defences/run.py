"""A recipe -> the outcome of every arm: fleets are trained one after the other, what is there already is kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path

from probe.audit.defences.arms import Arm
from probe.audit.defences.deal import Canary, canaries, deal, of_arm
from probe.audit.defences.judge import Outcome, judge, judge_grouped
from probe.models.base import Engine
from probe.models.cache import Cache, CachedEngine
from probe.models.local import LocalEngine
from probe.shadow.fleet import Progress, train_fleet
from probe.shadow.plan import Plan

COHORT, EPSILON = 50, 1.0  # of aggregates, as the service's default
_ROOM = 4 << 30  # bytes of statistics
Bar = Callable[[str], AbstractContextManager[Progress]]


def compare(
    plan: Plan, folder: Path, chosen: Sequence[Arm], bar: Bar, side_by_side: int | None = None,
    say: Callable[[str], None] = lambda what: None, told: bool = False,
    secrets: Sequence[Canary] | None = None,
) -> Iterator[Outcome]:  # fmt: skip
    """Yields the outcome of each arm when it is there. folder: of the fleets. bar: shows a training by its arm's name.
    told: after the first arm comes what is left of its attack where losses are told of groups only.

    Raises InputError where texts are too few, ModelError.
    """
    secrets = canaries(seed=plan.seed) if secrets is None else secrets
    dealt = deal(plan, secrets)
    folder.mkdir(parents=True, exist_ok=True)
    kept = Cache(folder / "statistics.sqlite", _ROOM)

    def opened(place: str) -> Engine:
        return CachedEngine(LocalEngine.open(place, dtype="float32"), kept)

    for arm in chosen:
        own, place = of_arm(dealt, arm), folder / slug(arm)
        with bar(arm.name) as progress:
            found = train_fleet(own, place, progress, side_by_side)
        say(f"Attacking {arm.name}")
        outcome, setup = judge(arm, own, found, place, secrets, opened)
        yield outcome
        if told and arm is chosen[0]:
            yield judge_grouped(outcome, setup, found, COHORT, EPSILON)


def slug(arm: Arm) -> str:
    """Returns the name of an arm's folder: what can be read of its own, and a hash, for names may differ in a dot."""
    read = re.sub(r"[^a-z0-9]+", "-", arm.name.lower()).strip("-")
    return f"{read}-{sha256(arm.name.encode()).hexdigest()[:6]}".lstrip("-")
