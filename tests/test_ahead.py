"""Work made ready ahead: in order, one at a time, and no further ahead than one."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.ahead import ahead


@given(st.lists(st.integers(), max_size=8))
def test_gives_what_map_gives(items: list[int]) -> None:
    assert list(ahead(lambda item: item + 1, items)) == [item + 1 for item in items]


def test_the_next_is_made_while_this_one_is_used_and_no_further() -> None:
    made, begun = [], threading.Event()

    def make(item: int) -> int:
        made.append(item)
        if item == 1:
            begun.set()
        return item

    stream = ahead(make, range(9))
    assert next(stream) == 0
    assert begun.wait(10)  # without being asked for
    assert made == [0, 1]
    stream.close()


def test_an_error_reaches_the_caller_in_its_place() -> None:
    stream = ahead(lambda item: 1 // item, [1, 0, 1])
    assert next(stream) == 1
    with pytest.raises(ZeroDivisionError):
        next(stream)
