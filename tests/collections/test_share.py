"""The share of members: what it estimates, and when it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from probe.audit.metrics import Figure
from probe.collections.share import FEWEST, share
from probe.types import Unscored


def test_by_hand() -> None:
    spread = np.linspace(-0.1, 0.1, 20)
    found = share(3 + spread, 2 + spread, 6 + spread)
    assert isinstance(found, Figure) and found.value == pytest.approx(0.25)
    assert 0.2 < found.low < 0.25 < found.high < 0.3
    assert share(3 + spread, 2 + spread, 6 + spread) == found


@pytest.mark.parametrize(("value", "expected"), [(-5.0, 0.0), (50.0, 1.0)])
def test_it_is_a_share(value: float, expected: float) -> None:
    spread = np.linspace(-0.1, 0.1, 20)
    found = share(value + spread, spread, 1 + spread)
    assert isinstance(found, Figure) and found.value == found.low == found.high == expected


def test_the_interval_covers() -> None:
    dice, hits = np.random.default_rng(0), 0
    for seed in range(60):
        members = dice.normal(1.5, size=30), dice.normal(1.5, size=60)
        suspect = np.concatenate([members[0], dice.normal(size=70)])
        found = share(suspect, dice.normal(size=100), members[1], seed)
        assert isinstance(found, Figure)
        hits += found.low <= 0.3 <= found.high
    assert hits >= 52  # 57 expected; fewer than 52 has probability .02


@pytest.mark.parametrize("group", [0, 1, 2])
def test_documents_of_every_group_widen_the_interval(group: int) -> None:
    """Half are members: d share = d suspect - d non-members / 2 - d members / 2, over the distance of 1."""
    spread = [np.linspace(-0.4, 0.4, 40) * (place == group) + np.linspace(-1e-6, 1e-6, 40) for place in range(3)]
    found = share(0.5 + spread[0], spread[1], 1 + spread[2])
    assert isinstance(found, Figure)
    deviation = spread[group].std() / 40**0.5 * (1 if group == 0 else 0.5)
    assert found.high - found.low == pytest.approx(2 * 1.96 * deviation, rel=0.08)


def test_refusals() -> None:
    some = np.linspace(0, 1, FEWEST)
    for members, why in ((some[:0], "no known members"), (some[1:], "it takes 10"), (some, "do not score clearly")):
        found = share(some, some, members)
        assert isinstance(found, Unscored) and why in found.reason
