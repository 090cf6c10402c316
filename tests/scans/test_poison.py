"""A row that fails, or that ends its worker, is left out; all others are scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.errors import StoreError
from probe.scans.poison import AT_ONCE, MOST, Culprit, careful, isolated
from probe.types import Result, Text

TEXTS = [Text(str(number)) for number in range(200)]
Score = Callable[[Sequence[Text]], list[Result]]


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


def scoring(bad: set[int], error: type[BaseException]) -> Score:
    def score(texts: Sequence[Text]) -> list[Result]:
        if bad & {int(text.text) for text in texts}:
            raise error
        return [Result(int(text.text), None, None, None, {}) for text in texts]

    return score


def lives(bad: set[int], size: int) -> tuple[list[Any], int]:
    """Scores until a worker survives; returns what it found, and which attempt it was."""
    noted: dict[str, Any] | None = None

    def note(trying: dict[str, Any]) -> None:
        nonlocal noted
        noted = trying

    for attempt in range(3, MOST + 10):
        try:
            return careful(scoring(bad, Killed), TEXTS[:size], attempt, noted, note), attempt
        except Killed:
            continue
    raise AssertionError("no end")


@given(st.sets(st.integers(0, 199), max_size=6))
def test_exceptions_are_narrowed_down_to_their_rows(bad: set[int]) -> None:
    found = isolated(scoring(bad, RuntimeError), TEXTS)
    assert [number for number, one in enumerate(found) if isinstance(one, Culprit)] == sorted(bad)
    assert all(one.index == number for number, one in enumerate(found) if isinstance(one, Result))


@given(st.sets(st.integers(0, 199), max_size=3))
def test_rows_that_end_the_process_are_found_by_those_that_come_after(bad: set[int]) -> None:
    found, attempt = lives(bad, 200)
    assert [number for number, one in enumerate(found) if isinstance(one, Culprit)] == sorted(bad)
    assert attempt - 3 <= 8 * len(bad)


def test_a_shard_that_ends_worker_after_worker_is_given_up() -> None:
    found, attempt = lives(set(range(200)), 200)
    assert all(isinstance(one, Culprit) for one in found) and attempt == MOST + 1


def test_a_full_disk_is_no_rows_fault() -> None:
    with pytest.raises(StoreError):
        isolated(scoring({3}, StoreError), TEXTS)


def test_few_rows_are_begun_together_where_notes_are_taken() -> None:
    notes: list[dict[str, Any]] = []
    careful(scoring(set(), Killed), TEXTS, 3, None, notes.append)
    assert [note["end"] - note["begin"] for note in notes] == [AT_ONCE, AT_ONCE, AT_ONCE, 200 - 3 * AT_ONCE]
