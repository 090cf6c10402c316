"""What it takes to extract a suffix, by hand and by the figures of the papers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.memorization.extraction import common_run, edit_distance, extractable, longest_run, near_verbatim, samples


@pytest.mark.parametrize(("p", "count"), [(1e-3, 4603), (0.01, 459), (0.1, 44), (0.5, 7), (0.995, 1)])
def test_samples_for_99_percent(p: float, count: int) -> None:
    """Those of arXiv:2410.19482."""
    assert samples(math.log(p), 0.99) == count
    assert extractable(math.log(p), count, 0.99) and not (count > 1 and extractable(math.log(p), count - 1, 0.99))


def test_samples_at_the_ends() -> None:
    assert samples(-math.inf, 0.5) == math.inf and samples(0.0, 0.99) == samples(1e-9, 0.99) == 1
    assert samples(math.log(1e-20), 0.5) == pytest.approx(math.log(2) * 1e20)
    assert samples(-800.0, 0.99) == math.inf  # more than a float can hold


@given(st.floats(1e-9, 0.999), st.floats(0.01, 0.999))
def test_so_many_samples_do_it_and_one_less_does_not(p: float, chance: float) -> None:
    n = samples(math.log(p), chance)
    assert 1 - (1 - p) ** n >= chance * (1 - 1e-6)
    assert n == 1 or 1 - (1 - p) ** (n - 1) <= chance * (1 + 1e-6)


@pytest.mark.parametrize(
    ("flags", "found"), [("", (0, 0)), ("000", (0, 0)), ("0110111", (4, 3)), ("11011", (0, 2)), ("1", (0, 1))]
)
def test_longest_run(flags: str, found: tuple[int, int]) -> None:
    assert longest_run(np.array([flag == "1" for flag in flags], bool)) == found


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 12), st.sampled_from([0.5, 0.9, 1.0]))
def test_near_verbatim_is_every_stretch_with_so_many(flags: list[bool], width: int, share: float) -> None:
    size, marked = min(width, len(flags)), set[int]()
    for begin in range(len(flags) - size + 1 if size else 0):
        if sum(flags[begin : begin + size]) >= share * size:
            marked |= set(range(begin, begin + size))
    found = near_verbatim(np.array(flags, bool), width, share)
    assert set(np.flatnonzero(found)) == marked and len(found) == len(flags)


WORDS = st.lists(st.integers(0, 3), max_size=12)


@given(WORDS, WORDS)
def test_edit_distance_is_levenshtein_s(one: list[int], other: list[int]) -> None:
    table = [[max(i, j) if not i * j else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i, a in enumerate(one, 1):
        for j, b in enumerate(other, 1):
            table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + (a != b))
    assert edit_distance(one, other) == pytest.approx(table[-1][-1] / max(len(one), len(other), 1))


@given(WORDS, WORDS)
def test_common_run_is_the_longest(one: list[int], other: list[int]) -> None:
    spans = {tuple(one[i:j]) for i in range(len(one)) for j in range(i + 1, len(one) + 1)}
    found = [len(span) for span in spans if any(tuple(other[k : k + len(span)]) == span for k in range(len(other)))]
    assert common_run(one, other) == max(found, default=0)
