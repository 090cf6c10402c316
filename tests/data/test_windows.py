"""Every token of a text is scored once, with at least half a context before it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from probe.data.windows import cut
from probe.types import Tokens


def tokens(length: int, has_bos: bool) -> Tokens:
    """Ids are their own places, so that a window shows where it was cut."""
    ids = np.arange(length, dtype=np.int32)
    return Tokens(ids, ids[1:], ids[1:] + 1, has_bos)


def listed(length: int, context: int, has_bos: bool) -> list[tuple[list[int], int]]:
    return [(ids.tolist(), scored) for ids, scored in cut(tokens(length, has_bos), context)]


@given(length=st.integers(2, 300), context=st.integers(2, 64), has_bos=st.booleans())
def test_every_token_is_scored_once_in_order(length: int, context: int, has_bos: bool) -> None:
    windows = cut(tokens(length, has_bos), context)
    assert np.concatenate([ids[-scored:] for ids, scored in windows]).tolist() == list(range(1, length))
    assert all(0 < scored < len(ids) <= context for ids, scored in windows)


@given(length=st.integers(2, 300), context=st.integers(2, 64), has_bos=st.booleans())
def test_later_windows_are_full_runs_with_half_a_context_of_history(length: int, context: int, has_bos: bool) -> None:
    for ids, scored in cut(tokens(length, has_bos), context)[1:]:
        assert len(ids) == context
        assert 2 * (len(ids) - scored) >= context
        body = ids[1:] if has_bos else ids
        assert (np.diff(body) == 1).all()


@given(length=st.integers(2, 300), context=st.integers(2, 64))
def test_every_window_starts_with_bos_where_the_text_does(length: int, context: int) -> None:
    assert all(ids[0] == 0 and 0 not in ids[1:] for ids, _ in cut(tokens(length, True), context))


def test_bos_is_repeated() -> None:
    assert listed(9, 4, True) == [([0, 1, 2, 3], 3), ([0, 3, 4, 5], 2), ([0, 5, 6, 7], 2), ([0, 6, 7, 8], 1)]


def test_without_bos_the_first_token_is_not_repeated() -> None:
    assert listed(9, 4, False) == [([0, 1, 2, 3], 3), ([2, 3, 4, 5], 2), ([4, 5, 6, 7], 2), ([5, 6, 7, 8], 1)]


def test_a_text_of_the_context_s_length_is_one_window_and_one_more_token_makes_two() -> None:
    assert listed(8, 8, True) == [(list(range(8)), 7)]
    assert [scored for _, scored in listed(9, 8, True)] == [7, 1]
