"""Threads of stages: one thing at a time, in the caller's context, taken back where nobody waits, ended in time."""

from __future__ import annotations

import asyncio
import threading

import numpy as np

from probe.logs import said, saying
from probe.models.local import LocalEngine
from probe.models.writing import Prompt
from probe.wanted import still_wanted
from server.work.stages import Stages
from server.work.turns import Turns
from tests.system.scans.helper import until
from tests.tiny import ASSETS


def test_work_keeps_the_callers_context() -> None:
    async def scenario() -> None:
        stages = Stages(("one",))
        with saying(request="r-1"):
            assert await stages.on("one", said) == {"request": "r-1"}
        assert await stages.on("one", said) == {}
        with saying(scan="s-1"):
            assert await asyncio.to_thread(stages.turn, "one", said) == {"scan": "s-1"}
        assert stages.stop(30)

    asyncio.run(scenario())


def test_what_has_not_begun_is_taken_back() -> None:
    async def scenario() -> None:
        stages, go, done = Stages(("one",)), threading.Event(), list[int]()
        first = asyncio.create_task(stages.on("one", lambda: go.wait(60)))
        await asyncio.sleep(0)
        second = asyncio.create_task(stages.on("one", lambda: done.append(2)))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([second])
        go.set()
        assert await first
        assert stages.stop(30) and done == []

    asyncio.run(scenario())


def test_what_has_begun_ends_at_its_next_step_once_nobody_waits() -> None:
    async def scenario() -> None:
        stages, begun, ended = Stages(("one",)), threading.Event(), threading.Event()

        def stepping() -> None:
            begun.set()
            try:
                while not ended.wait(0.01):
                    still_wanted()
            finally:
                ended.set()

        task = asyncio.create_task(stages.on("one", stepping))
        assert await asyncio.to_thread(begun.wait, 30)
        task.cancel()
        assert await asyncio.to_thread(ended.wait, 30)
        assert stages.stop(30)

    asyncio.run(scenario())


def test_a_step_is_a_sign_of_life_and_a_thread_that_hangs_gives_none() -> None:
    async def scenario() -> None:
        stages, go = Stages(("one", "two")), threading.Event()

        def stepping() -> None:
            while not go.wait(0.01):
                still_wanted()

        task = asyncio.create_task(stages.on("one", stepping))
        await asyncio.sleep(0.5)
        assert await asyncio.to_thread(until, lambda: stages.still() < 0.4, 30)
        hang = asyncio.create_task(stages.on("two", lambda: go.wait(60)))
        await asyncio.sleep(0.5)
        assert stages.still() >= 0.4
        assert not stages.stop(0.05)
        go.set()
        await asyncio.gather(task, hang)
        assert stages.still() == 0

    asyncio.run(scenario())


def test_a_job_s_engine_tells_what_it_wrote_as_what_it_read() -> None:
    engine, counted = LocalEngine.open(str(ASSETS / "target")), list[int]()
    prompts = [Prompt(np.array([1, 2, 3], np.int32), 4), Prompt(np.array([1, 2], np.int32), 5)]
    turns = Turns(engine, lambda work: work(), counted.append)
    assert turns.write(prompts, 3) == engine.write(prompts, 3)
    turns.write(prompts, 0)
    assert counted == [(3 + 3 * 4) + (2 + 3 * 5), (3 + 4) + (2 + 5)]
