"""Concurrent requests share forward passes: pre (tokenise) | forward (models) | post (scores, verdicts).

Each stage has a thread of its own, so a request is tokenised while another is in the models. No request waits to be
joined by others: those that arrive during one forward pass go into the next together, small ones first. The queue is
bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from probe.errors import Busy, InputError
from probe.pipeline import Probe
from probe.prepare import SPARSE, Options, Prepared
from probe.types import Evidence, Result, Text

SHARED_TOKENS = 16_384  # a pass takes waiting requests up to this many tokens, and always one
BESIDE_TOKENS = 2_048  # small ones that one which is larger by itself takes along
T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Waiting:
    probe: Probe
    prepared: Prepared
    answer: asyncio.Future[list[Evidence]]


class Batcher:
    """Runs the probes of one service. `depth` requests may wait; more are refused with Busy."""

    def __init__(self, depth: int, most_tokens: int) -> None:
        """most_tokens: of one request, because its forward passes hold up those behind it."""
        self._depth, self._most_tokens, self._pending = depth, most_tokens, 0
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._stages = {name: ThreadPoolExecutor(1, name) for name in ("pre", "forward", "post")}
        self._loop_task: asyncio.Task[None] | None = None
        self._held: list[_Waiting] = []

    def start(self) -> None:
        self._loop_task = asyncio.create_task(self._loop())

    async def stop(self) -> None:
        if self._loop_task:
            self._loop_task.cancel()
            await asyncio.gather(self._loop_task, return_exceptions=True)
        for stage in self._stages.values():
            stage.shutdown(wait=True, cancel_futures=True)

    @property
    def running(self) -> bool:
        return self._loop_task is not None and not self._loop_task.done()

    async def run(self, probe: Probe, texts: Sequence[Text], options: Options) -> tuple[Prepared, list[Result]]:
        """Returns the results of one request. Raises Busy where the queue is full."""
        lying = len(self._held) + self._queue.qsize()  # what was cancelled lies there for a while
        if max(self._pending, lying) >= self._depth:
            raise Busy(f"{self._depth} requests are waiting already; try again in a second, or send larger requests.")
        if (characters := sum(len(text.text) for text in texts)) > self._most_tokens * SPARSE:
            raise InputError(
                f"{characters:,} characters to read; a request takes at most {self._most_tokens:,} tokens. Send "
                "several.",
                "input",
            )
        self._pending += 1
        try:
            prepared = await self.on("pre", lambda: probe.prepare(texts, options))
            if (tokens := prepared.read) > self._most_tokens:
                raise InputError(
                    f"{tokens:,} tokens to read; a request takes at most {self._most_tokens:,}. Send several.", "input"
                )
            waiting = _Waiting(probe, prepared, asyncio.get_running_loop().create_future())
            await self._queue.put(waiting)
            evidence = await waiting.answer
            return prepared, await self.on("post", lambda: probe.judge(prepared, evidence))
        finally:
            self._pending -= 1

    async def on(self, stage: str, work: Callable[[], T]) -> T:
        """Runs `work` in the thread of a stage; models are only ever touched in "forward"."""
        return await asyncio.get_running_loop().run_in_executor(self._stages[stage], work)

    def turn(self, work: Callable[[], T]) -> T:
        """Runs `work` in the models' thread for a thread outside the event loop, and waits for it."""
        return self._stages["forward"].submit(work).result()

    async def _loop(self) -> None:
        while True:
            await self._forward(await self._gather())

    async def _gather(self) -> list[_Waiting]:
        """Takes the request that has waited longest, and beside it the smallest ones that share its probe: who asks for
        a sentence does not wait for the books that came before it, and every pass takes the first book along.
        """
        if not self._held:
            self._held.append(await self._queue.get())
        while not self._queue.empty():
            self._held.append(self._queue.get_nowait())
        self._held = [waiting for waiting in self._held if not waiting.answer.cancelled()]
        group, tokens = self._held[:1], sum(waiting.prepared.read for waiting in self._held[:1])
        most = max(SHARED_TOKENS, tokens + BESIDE_TOKENS)
        for waiting in sorted(self._held[1:], key=lambda one: one.prepared.read):
            tokens += waiting.prepared.read
            if tokens > most:
                break
            if waiting.probe is group[0].probe:
                group.append(waiting)
        self._held = [waiting for waiting in self._held if waiting not in group]
        return group

    async def _forward(self, group: list[_Waiting]) -> None:
        """Answers every request of the group; one request's failure is not its neighbours'."""
        if not group:
            return
        probe = group[0].probe
        try:
            measured = await self.on("forward", lambda: probe.measure([waiting.prepared for waiting in group]))
        except Exception as error:  # whatever it is belongs to a request, and the next ones must go on
            if len(group) > 1:
                for waiting in group:
                    await self._forward([waiting])
            elif not group[0].answer.done():
                group[0].answer.set_exception(error)
            return
        for waiting, evidence in zip(group, measured, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(evidence)
