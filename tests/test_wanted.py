"""Work that ends when it is unwanted: the question is asked between steps, in whichever thread they are taken."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

from probe.pipeline import Probe
from probe.types import Text
from probe.wanted import asked, still_wanted, while_wanted


class Unwanted(Exception):
    pass


def test_everything_that_was_asked_is_asked() -> None:
    said = []
    still_wanted()
    with while_wanted(lambda: said.append("outer")), while_wanted(lambda: said.append("inner")):
        still_wanted()
        asked()()
    still_wanted()
    assert said == ["outer", "inner"] * 2


def test_a_thread_has_the_question_of_whoever_gave_it_the_context() -> None:
    said = []
    with while_wanted(lambda: said.append(1)), ThreadPoolExecutor(1) as pool:
        pool.submit(still_wanted).result()
        assert said == []
        pool.submit(copy_context().run, still_wanted).result()
        assert said == [1]


def test_the_local_engine_asks_before_every_batch(demo: Probe) -> None:
    """40 texts of 60 tokens or more are two batches at least, under each of two models."""
    texts = [f"Option {i} " + "must be given before the first call of the function, " * 6 for i in range(40)]
    steps = 0

    def ask() -> None:
        nonlocal steps
        steps += 1

    with while_wanted(ask):
        demo(texts, scores=["ref"])
    whole = steps
    assert whole >= 6

    def give_up() -> None:
        nonlocal steps
        steps += 1
        if steps == whole - 1:
            raise Unwanted

    steps = 0
    with pytest.raises(Unwanted), while_wanted(give_up):
        demo(texts, scores=["ref"])
    assert steps == whole - 1
    assert len(demo([Text(texts[0])])) == 1
