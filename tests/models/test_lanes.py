"""Batches side by side: in order, with torch's threads divided, and ended together."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from probe.models.lanes import Lanes, lanes, side_by_side
from probe.models.local import LocalEngine
from probe.models.passes import planned
from probe.types import TokenStats
from probe.wanted import while_wanted
from tests.contract import MODEL, scored


@pytest.fixture
def two() -> Iterator[Lanes]:
    """Two lanes of a thread each, whatever this machine has."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield lanes(2)
    torch.set_num_threads(before)


def test_answers_come_in_order_from_several_threads(two: Lanes) -> None:
    met = threading.Barrier(2)

    def work(number: int) -> tuple[int, int]:
        met.wait(30)  # passes where two are at work at once
        return number * number, threading.get_ident()

    found = two.map(work, range(8))
    assert [square for square, _ in found] == [number * number for number in range(8)]
    assert len({thread for _, thread in found}) == 2


def test_threads_are_divided(two: Lanes) -> None:
    met = threading.Barrier(2)

    def threads(_: int) -> int:
        met.wait(30)
        return torch.get_num_threads()

    assert two.map(threads, range(4)) == [1] * 4
    assert torch.get_num_threads() == 2
    begun: list[int] = []
    thread = threading.Thread(target=lambda: begun.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert begun == [2]  # and so have those that come later


def test_what_fails_ends_all(two: Lanes) -> None:
    done: list[int] = []

    def work(number: int) -> None:
        done.append(number)
        if number == 3:
            raise RuntimeError("the third")

    with pytest.raises(RuntimeError, match="the third"):
        two.map(work, range(10_000))
    assert len(done) < 10_000
    assert two.map(str, range(3)) == ["0", "1", "2"]


def test_they_work_in_the_context_of_who_asks(two: Lanes) -> None:
    asking: ContextVar[str] = ContextVar("asking", default="nobody")
    token = asking.set("somebody")
    assert two.map(lambda _: asking.get(), range(4)) == ["somebody"] * 4
    asking.reset(token)


def test_a_single_one_stays_here(two: Lanes) -> None:
    assert two.map(lambda _: threading.get_ident(), [0]) == [threading.get_ident()]
    assert Lanes(1).map(lambda _: threading.get_ident(), [0, 1]) == [threading.get_ident()] * 2


def test_a_forked_process_has_its_own(two: Lanes) -> None:
    two.map(str, range(4))
    child = os.fork()
    if not child:
        os._exit(0 if lanes(2).map(str, range(4)) == ["0", "1", "2", "3"] else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_an_engine_says_the_same_in_lanes(two: Lanes) -> None:
    texts = [f"Number {number}" + " and so on" * (number % 60) for number in range(200)]
    engine = LocalEngine.open(MODEL, dtype="float32", batch_tokens=700)
    together = scored(engine, texts)
    torch.set_num_threads(1)
    for one, other in zip(together, scored(engine, texts), strict=True):
        np.testing.assert_allclose(one.logprob, other.logprob, atol=1e-4)
        assert list(one.tokens.ids) == list(other.tokens.ids)


def test_a_pass_that_is_not_wanted_ends_in_all_lanes(two: Lanes) -> None:
    class Gone(Exception):
        pass

    asked: list[int] = []

    def ask() -> None:
        asked.append(1)
        if len(asked) > 5:
            raise Gone

    engine = LocalEngine.open(MODEL, dtype="float32", batch_tokens=256)
    with while_wanted(ask), pytest.raises(Gone):
        scored(engine, [" word" * 100] * 200)
    assert len(asked) < 10
    assert all(isinstance(one, TokenStats) for one in scored(engine, ["Then it goes on."]))


@given(st.lists(st.integers(1, 400), min_size=1, max_size=300), st.integers(1, 4), st.integers(0, 3000), st.booleans())
def test_a_plan_is_a_division(lengths: list[int], many: int, budget: int, packs: bool) -> None:
    lengths.sort()
    plan = planned(lengths, budget, many, packs)
    assert [place for batch in plan for place in batch] == list(range(len(lengths)))
    for batch in plan:
        group = lengths[batch.start : batch.stop]
        assert len(group) == 1 or (sum(group) if packs else len(group) * group[-1]) <= budget


@pytest.mark.parametrize("many", [1, 2, 4])
@pytest.mark.parametrize("count", [64, 300, 2000])
def test_lanes_have_about_as_much_to_do(many: int, count: int) -> None:
    rng = np.random.default_rng(0)
    lengths = sorted(int(length) for length in rng.integers(32, 256, count))
    busy = [0] * many
    for batch in reversed(planned(lengths, 2048, many, packs=True)):  # whoever is free takes the next
        busy[busy.index(min(busy))] += sum(lengths[batch.start : batch.stop])
    assert max(busy) <= 1.08 * sum(lengths) / many


INTERRUPTED = """
import signal, sys, threading, time
from probe.models.lanes import Lanes

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have let it be ignored
done, seen = [], threading.Event()

def work(number):
    seen.set()
    time.sleep(0.01)
    done.append(number)

def interrupt():
    seen.wait(30)
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

threading.Thread(target=interrupt).start()
try:
    Lanes(2).map(work, range(10_000))
except KeyboardInterrupt:
    time.sleep(1)
    left = len(done)
    time.sleep(0.2)
    sys.exit(0 if len(done) == left < 1000 else 3)
sys.exit(4)
"""


def test_whoever_is_interrupted_leaves_no_work_behind() -> None:
    """In a process of its own: signals come to the main thread, in which a test need not run."""
    assert subprocess.run([sys.executable, "-c", INTERRUPTED], timeout=120, check=False).returncode == 0


class Interrupted(ThreadPoolExecutor):
    """Ctrl-C comes when one lane has begun and the other has not."""

    begun = 0

    def submit(self, *given: Any, **named: Any) -> Future[Any]:
        self.begun += 1
        if self.begun == 2:
            raise KeyboardInterrupt
        return super().submit(*given, **named)


def test_nor_before_all_lanes_have_begun() -> None:
    done, pool = list[int](), Interrupted(2)
    with pytest.raises(KeyboardInterrupt):
        side_by_side(pool, 2, lambda number: (time.sleep(0.01), done.append(number)), range(500))
    pool.shutdown()  # waits for what still works
    assert len(done) < 100


def test_a_plan_of_texts_over_half_a_batch_is_quick() -> None:
    """One by one there were as many tries as texts, each over all of them."""
    assert len(planned([1100] * 20_000, 2048, 4, packs=True)) == 20_000


def test_threads_that_do_not_divide_are_all_used() -> None:
    before = torch.get_num_threads()
    met = threading.Barrier(4)

    def threads(_: int) -> int:
        met.wait(30)
        return torch.get_num_threads()

    try:
        assert sorted(Lanes(7).map(threads, range(4))) == [1, 2, 2, 2]
    finally:
        torch.set_num_threads(before)


def test_weights_that_come_and_go_with_a_pass_are_used_by_one_lane(two: Lanes) -> None:
    engine = LocalEngine.open(MODEL, dtype="float32")
    engine.load()
    assert engine.network.lanes is two
    engine = LocalEngine.open(MODEL, dtype="float32")
    engine.load()
    engine.network.model.model.layers[0]._hf_hook = object()  # as accelerate leaves one
    assert engine.network.lanes.many == 1
