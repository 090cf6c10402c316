"""From columns to TokenStats: what every engine hands over."""

from __future__ import annotations

import numpy as np
import pytest

from probe.models.base import stats_of
from probe.types import Tokens, TokenStats, Unscored

SPAN = np.arange(3, dtype=np.int32)
TOKENS = Tokens(np.arange(4, dtype=np.int32), SPAN, SPAN + 1, has_bos=True)


def columns(**others: list[float]) -> dict[str, np.ndarray]:
    made = {"logprob": [-1.0, -2.0, 0.0], "mu": [-1.0] * 3, "sigma": [0.0] * 3, "rank": [0.0, 7.0, 0.0], **others}
    return {name: np.array(values, dtype=np.float32) for name, values in made.items()}


def test_columns_become_statistics() -> None:
    found = stats_of(TOKENS, columns(), 2)
    assert isinstance(found, TokenStats) and found.windows == 2
    assert found.rank.dtype == np.int32 and found.rank.tolist() == [0, 7, 0]
    assert found.mu is not None and found.sampled is None


@pytest.mark.parametrize("name", ["logprob", "mu", "sigma"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_leaves_no_engine(name: str, value: float) -> None:
    found = stats_of(TOKENS, columns(**{name: [-1.0, value, -1.0]}), 1)
    assert isinstance(found, Unscored) and "no finite probability" in found.reason


def test_moments_may_be_missing_and_a_sampler_may_refuse_a_token() -> None:
    given = {name: column for name, column in columns().items() if name in ("logprob", "rank")}
    found = stats_of(TOKENS, given, 1)
    assert isinstance(found, TokenStats) and found.mu is None
    assert isinstance(stats_of(TOKENS, columns(sampled=[-np.inf, -1.0, -1.0]), 1), TokenStats)
