"""Concurrent requests share forward passes: pre (tokenise) | forward (models) | post (scores, verdicts).

Each stage has a thread of its own, so a request is tokenised while another is in the models. No request waits to be
joined by others: those that arrive during one forward pass go into the next together, small ones first. The queue is
bounded. Who goes away leaves it, and a pass whose requests are all gone ends at its next step.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from probe.errors import Busy, InputError
from probe.logs import said, saying
from probe.pipeline import Probe
from probe.prepare import SPARSE
from probe.prepared import Options, Prepared
from probe.types import Evidence, Result, Text, TokenStats
from probe.wanted import while_wanted
from server.operation.asked import note
from server.operation.metrics import Metrics
from server.work.stages import Abandoned, Stages

SHARED_TOKENS = 32_768  # a pass takes waiting requests up to this many tokens, and always one
BESIDE_TOKENS = 2_048  # small ones that one which is larger by itself takes along
T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Waiting:
    probe: Probe
    prepared: Prepared
    answer: asyncio.Future[list[Evidence]]
    facts: dict[str, object]


class Batcher:
    """Runs the probes of one service. `depth` requests may wait; more are refused with Busy."""

    def __init__(self, depth: int, most_tokens: int, metrics: Metrics | None = None) -> None:
        """most_tokens: of one request, because its forward passes hold up those behind it."""
        self.depth, self._most_tokens, self.pending = depth, most_tokens, 0
        self.doubtful = False  # the last pass gave no statistics of any text
        self._metrics = metrics or Metrics()
        self._queue: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._stages = Stages(("pre", "forward", "post"))
        self._loop_task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._loop_task = asyncio.create_task(self._loop())

    async def stop(self, seconds: float = 10.0) -> bool:
        """Returns whether the threads ended in that time."""
        if self._loop_task:
            self._loop_task.cancel()
            await asyncio.gather(self._loop_task, return_exceptions=True)
        return await asyncio.to_thread(self._stages.stop, seconds)

    @property
    def running(self) -> bool:
        return self._loop_task is not None and not self._loop_task.done()

    @property
    def still(self) -> float:
        """Seconds for which a stage that works has been at the same step."""
        return self._stages.still()

    async def run(self, probe: Probe, texts: Sequence[Text], options: Options) -> tuple[Prepared, list[Result]]:
        """Returns the results of one request. Raises Busy where the queue is full."""
        with self._place():
            return await self._judged(probe, texts, options)

    async def alone(self, work: Callable[[], T]) -> T:
        """Runs work of one request in the models' thread, between passes. Raises Busy where the queue is full."""
        with self._place():
            return await self.on("forward", work)

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self.pending >= self.depth:
            raise Busy(f"{self.depth} requests are waiting already; try again in a second, or send larger requests.")
        self.pending += 1
        try:
            yield
        finally:
            self.pending -= 1

    async def _judged(self, probe: Probe, texts: Sequence[Text], options: Options) -> tuple[Prepared, list[Result]]:
        if (characters := sum(len(text.text) for text in texts)) > self._most_tokens * SPARSE:
            raise InputError(
                f"{characters:,} characters to read; a request takes at most {self._most_tokens:,} tokens. Send "
                "several.",
                "input",
            )
        prepared = await self.on("pre", lambda: probe.prepare(texts, options))
        if (tokens := prepared.read) > self._most_tokens:
            raise InputError(
                f"{tokens:,} tokens to read; a request takes at most {self._most_tokens:,}. Send several.", "input"
            )
        note(tokens=prepared.tokens)
        evidence = await self._measured(probe, prepared)
        results = await self.on("post", lambda: probe.judge(prepared, evidence))
        self._metrics.judged(results)
        return prepared, results

    async def on(self, stage: str, work: Callable[[], T]) -> T:
        """Runs `work` in the thread of a stage; models are only ever touched in "forward"."""
        return await self._stages.on(stage, work)

    def turn(self, work: Callable[[], T]) -> T:
        """Runs `work` in the models' thread for a thread outside the event loop, and waits for it."""
        return self._stages.turn("forward", work)

    async def _measured(self, probe: Probe, prepared: Prepared) -> list[Evidence]:
        waiting = _Waiting(probe, prepared, asyncio.get_running_loop().create_future(), said())
        self._queue.append(waiting)
        self._arrived.set()
        try:
            return await waiting.answer
        finally:
            if waiting in self._queue:  # else a pass took it
                self._queue.remove(waiting)

    async def _loop(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._queue:
                await self._forward(self._gather())

    def _gather(self) -> list[_Waiting]:
        """Takes the request that has waited longest, and beside it the smallest ones of the same probe: who asks for a
        sentence does not wait for the books that came before it, and every pass takes the first book along.
        """
        first, *others = self._queue
        group, tokens = [first], first.prepared.read
        most = max(SHARED_TOKENS, tokens + BESIDE_TOKENS)
        for waiting in sorted(others, key=lambda one: one.prepared.read):
            if waiting.probe is first.probe and (tokens := tokens + waiting.prepared.read) <= most:
                group.append(waiting)
        for waiting in group:
            self._queue.remove(waiting)
        return group

    async def _forward(self, group: list[_Waiting]) -> None:
        """Answers every request of the group; one request's failure is not its neighbours'."""
        try:
            measured = await self.on("forward", lambda: self._measure(group))
        except Abandoned:
            return
        except Exception as error:  # whatever it is belongs to a request, and the next ones must go on
            if len(group) > 1:
                for waiting in group:
                    await self._forward([waiting])
            else:
                self.doubtful = True
                if not group[0].answer.done():
                    group[0].answer.set_exception(error)
            return
        for waiting, evidence in zip(group, measured, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(evidence)

    def _measure(self, group: list[_Waiting]) -> list[list[Evidence]]:
        """One pass, in the models' thread."""

        def check() -> None:
            if all(waiting.answer.done() for waiting in group):
                raise Abandoned

        begun = time.monotonic()
        every = [waiting.prepared for waiting in group]
        with while_wanted(check), saying(**_shared([waiting.facts for waiting in group])):
            measured = group[0].probe.measure(every)
        tokens = sum(prepared.read + prepared.compared for prepared in every)
        if tokens:
            given = (isinstance(one.target, TokenStats) for evidence in measured for one in evidence)
            self.doubtful = not any(given)
            self._metrics.passed(len(group), tokens, time.monotonic() - begun)
        return measured


def _shared(facts: Sequence[dict[str, object]]) -> dict[str, object]:
    """Returns what log records of a pass say: of every fact each request's value."""
    names = dict.fromkeys(name for one in facts for name in one)
    return {name: " ".join(str(one[name]) for one in facts if name in one) for name in names}
