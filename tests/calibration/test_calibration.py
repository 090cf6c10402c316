"""What a calibration says of itself: its claim and its support."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from probe.calibration.blind import bag_all, familiarities
from probe.calibration.calibration import Calibration
from probe.calibration.residual import Residual
from probe.types import Claim

Make = Callable[..., Calibration]


def test_the_claim_names_all_that_it_rests_on(make: Make) -> None:
    smallest = 1 - 0.05 ** (1 / 1000)
    assert make().claim(0.01) == Claim(0.01, 0.95, 1000, 5, 99, pytest.approx(smallest))
    assert make().claim(0.001) == Claim(0.001, 0.95, 1000, 0, 99, pytest.approx(smallest))


def test_support_is_the_nonmembers_range(make: Make) -> None:
    calibration = make(tokens=np.array([30.0, 7.0, 12.0]), difficulty=np.array([2.5, 4.0, 1.25]))
    assert calibration.lengths == (7, 30)
    assert calibration.difficulties == (1.25, 4.0)


def test_a_few_odd_nonmembers_widen_no_range(make: Make) -> None:
    """Of 1,000 texts ten may lie below what a text may have, and ten above; of words twenty may be rarer."""
    calibration = make(difficulty=np.arange(1000.0), variety=np.arange(1000.0) / 1000)
    assert calibration.difficulties == (9.0, 990.0) and calibration.least_variety == 0.009
    odd = replace(make(), bags=bag_all(["the same few words"] * 99 + ["purple llamas dance"]))
    assert odd.familiarity > familiarities(odd.bags).min()


def test_a_raw_score_is_seen_as_nonmembers_and_as_members_have_it(make: Make) -> None:
    residual = Residual((1.0, 0.0, 0.0, 2.0), (0.0, 0.0, 0.0, 0.0))
    member_residual = Residual((0.0, 3.0, 0.0, 0.0), (np.log(2.0), 0.0, 0.0, 0.0))
    calibration = make(residual=residual, member_residual=member_residual)
    raw, tokens, difficulty = 10.0, 8, 1.5
    assert calibration.calibrated(raw, tokens, difficulty) == pytest.approx((10 - 1 - 3, (10 - 3 * np.log(8)) / 2))
