"""The threads that work for requests, one per stage: what is begun there, since when nothing moved, and their end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import TypeVar

from probe.wanted import Ask, while_wanted

T = TypeVar("T")


class Abandoned(Exception):
    """Raised inside work once nobody waits for it."""


class Stages:
    """Work keeps the context of whoever brought it: log records name the request, and it ends when it is unwanted."""

    def __init__(self, names: Sequence[str]) -> None:
        self._threads = {name: ThreadPoolExecutor(1, name) for name in names}
        self._moved: dict[str, float] = {}  # when each stage that works last took a step

    async def on(self, stage: str, work: Callable[[], T]) -> T:
        """Runs `work` in a stage's thread. Where the caller is cancelled it is taken back, or ends at its next step."""
        gone = False

        def ask() -> None:
            if gone:
                raise Abandoned

        try:
            return await asyncio.wrap_future(self._begin(stage, work, ask))
        except asyncio.CancelledError:
            gone = True
            raise

    def turn(self, stage: str, work: Callable[[], T]) -> T:
        """The same for a thread outside the event loop, which waits."""
        return self._begin(stage, work, _nothing).result()

    def still(self) -> float:
        """Returns for how many seconds the stage that moved least has been at the same step; 0 where none works."""
        now = time.monotonic()
        return max((now - moved for moved in list(self._moved.values())), default=0.0)

    def stop(self, seconds: float) -> bool:
        """Ends the threads; returns whether they came to their end in that time."""
        last = [thread.submit(_nothing) for thread in self._threads.values()]
        for thread in self._threads.values():
            thread.shutdown(wait=False)
        return not wait(last, seconds).not_done

    def _begin(self, stage: str, work: Callable[[], T], ask: Ask) -> Future[T]:
        return self._threads[stage].submit(copy_context().run, self._run, stage, work, ask)

    def _run(self, stage: str, work: Callable[[], T], ask: Ask) -> T:
        def step() -> None:
            self._moved[stage] = time.monotonic()

        step()
        try:
            with while_wanted(ask), while_wanted(step):
                return work()
        finally:
            del self._moved[stage]


def _nothing() -> None:
    """The last that a thread is given, and what is asked where somebody always waits."""
