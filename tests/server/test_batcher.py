"""The micro-batcher: sharing, isolation, the bound, cancellation. A slow engine is a real one held at a lock."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from probe.errors import Busy, InputError
from probe.models.base import NO_EXTRAS, Engine, Extras
from probe.pipeline import Probe
from probe.prepared import Options
from probe.types import Text, Tokens, TokenStats, Unscored
from server.work.batcher import Batcher
from tests import engines

LINES = [f"The option number {i} must be given before the first call, or an error is raised." for i in range(12)]


class Gated:
    """The embedded target behind a gate: `score` waits until it is opened, and fails on a marked text."""

    def __init__(self, engine: Engine, fails_on: int | None = None) -> None:
        self._engine, self._fails_on = engine, fails_on
        self.identity, self.context, self.warnings = engine.identity, engine.context, engine.warnings
        self.gate, self.sizes = threading.Event(), []  # type: ignore[var-annotated]

    def load(self) -> None:
        self._engine.load()

    def tokenize(self, texts: Sequence[str]) -> list[Tokens | Unscored]:
        return self._engine.tokenize(texts)

    def score(self, texts: Sequence[Tokens], extras: Extras = NO_EXTRAS) -> list[TokenStats | Unscored]:
        assert self.gate.wait(30)
        self.sizes.append(len(texts))
        if any(len(tokens.ids) == self._fails_on for tokens in texts):
            raise RuntimeError("the device is gone")
        return self._engine.score(texts, extras)

    def same_tokenizer(self, other: Engine) -> bool:
        return True


async def running(depth: int = 64) -> Batcher:
    batcher = Batcher(depth, most_tokens=10_000)
    batcher.start()
    return batcher


def options() -> Options:
    return Options(scores=frozenset({"loss"}))


async def settle() -> None:
    await asyncio.sleep(0.2)


def test_waiting_requests_share_a_pass_and_are_answered_apart(demo: Probe) -> None:
    async def scenario() -> None:
        engine, batcher = Gated(demo.target), await running()
        probe = Probe(engine)
        tasks = [
            asyncio.create_task(batcher.run(probe, [Text(line, str(i))], options())) for i, line in enumerate(LINES)
        ]
        await settle()
        engine.gate.set()
        answers = await asyncio.gather(*tasks)
        assert sum(engine.sizes) == len(LINES) and len(engine.sizes) <= 3
        for i, (_, (result,)) in enumerate(answers):
            (alone,) = demo(LINES[i])
            assert result.id == str(i)
            assert result.scores["loss"].value == pytest.approx(alone.scores["loss"].value, abs=1e-4)
        await batcher.stop()

    asyncio.run(scenario())


def test_small_requests_do_not_wait_for_all_large_ones_before_them(demo: Probe) -> None:
    """Behind a pass that runs wait three large requests, then two sentences: the next pass is the first large one and
    both sentences.
    """

    async def scenario() -> None:
        engine, batcher = Gated(demo.target), Batcher(64, most_tokens=60_000)
        batcher.start()
        probe = Probe(engine)
        large = [Text(f"{LINES[0]} {number}") for number in range(600)]
        assert 12_000 < probe.prepare(large, options()).read < 16_000
        asked = [[Text(LINES[1])], large, large, large, [Text(LINES[2])], [Text(LINES[3])]]
        done: list[int] = []
        tasks = [asyncio.create_task(batcher.run(probe, texts, options())) for texts in asked]
        for number, task in enumerate(tasks):
            task.add_done_callback(lambda _, number=number: done.append(number))  # type: ignore[misc]
        while len(batcher._queue) < len(asked) - 1:  # all others are tokenised, behind the first
            await settle()
        engine.gate.set()
        await asyncio.gather(*tasks)
        assert done[0] == 0 and set(done[1:4]) == {1, 4, 5} and set(done[4:]) == {2, 3}
        await batcher.stop()

    asyncio.run(scenario())


def test_more_characters_than_tokens_could_have_are_refused_before_they_are_tokenised(demo: Probe) -> None:
    async def scenario() -> None:
        batcher = Batcher(4, most_tokens=100)
        with pytest.raises(InputError, match=r"^1,601 characters to read; a request takes at most 100 tokens"):
            await batcher.run(demo, [Text("a" * 1000), Text("b" * 601)], options())
        await batcher.stop()

    asyncio.run(scenario())


def test_a_full_queue_is_refused_and_drains(demo: Probe) -> None:
    async def scenario() -> None:
        engine, batcher = Gated(demo.target), await running(depth=3)
        probe = Probe(engine)
        tasks = [asyncio.create_task(batcher.run(probe, [Text(line)], options())) for line in LINES[:3]]
        await settle()
        with pytest.raises(Busy) as refusal:
            await batcher.run(probe, [Text(LINES[3])], options())
        assert refusal.value.retry_after >= 1
        engine.gate.set()
        await asyncio.gather(*tasks)
        await batcher.run(probe, [Text(LINES[3])], options())
        await batcher.stop()

    asyncio.run(scenario())


def test_one_failing_request_does_not_fail_its_neighbours(demo: Probe) -> None:
    async def scenario() -> None:
        long = "word" + " word" * 99
        (tokens,) = demo.target.tokenize([long])
        assert isinstance(tokens, Tokens)
        engine, batcher = Gated(demo.target, fails_on=len(tokens.ids)), await running()
        probe = Probe(engine)
        texts = [LINES[0], LINES[1], long, LINES[2]]
        tasks = [asyncio.create_task(batcher.run(probe, [Text(text)], options())) for text in texts]
        await settle()
        engine.gate.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(answer, RuntimeError) for answer in answers] == [False, False, True, False]
        assert batcher.running
        await batcher.stop()

    asyncio.run(scenario())


def test_a_cancelled_request_leaves_the_queue_at_once_and_is_not_measured(demo: Probe) -> None:
    async def scenario() -> None:
        engine, batcher = Gated(demo.target), await running(depth=2)
        probe = Probe(engine)
        first = asyncio.create_task(batcher.run(probe, [Text(LINES[0])], options()))
        await settle()
        second = asyncio.create_task(batcher.run(probe, [Text(LINES[1])], options()))
        await settle()
        second.cancel()
        await asyncio.wait([second])
        assert batcher.pending == 1 and not batcher._queue
        third = asyncio.create_task(batcher.run(probe, [Text(LINES[2])], options()))  # there is room for it
        await settle()
        third.cancel()
        engine.gate.set()
        await first
        await settle()
        assert sum(engine.sizes) == 1
        await batcher.stop()

    asyncio.run(scenario())


def test_a_pass_ends_once_all_of_its_requests_are_gone(demo: Probe) -> None:
    async def scenario() -> None:
        engine, batcher = engines.Gated(demo.target), await running()
        probe = Probe(engine)
        blocker = asyncio.create_task(batcher.run(probe, [Text(LINES[0])], options()))
        assert await asyncio.to_thread(engine.entered.wait, 30)
        engine.entered.clear()
        pair = [asyncio.create_task(batcher.run(probe, [Text(line)], options())) for line in LINES[1:3]]
        await settle()
        blocker.cancel()
        assert await asyncio.to_thread(engine.ended.wait, 30)
        engine.ended.clear()
        assert await asyncio.to_thread(engine.entered.wait, 30)  # the two share a pass now
        pair[0].cancel()
        assert not await asyncio.to_thread(engine.ended.wait, 0.3)
        pair[1].cancel()
        assert await asyncio.to_thread(engine.ended.wait, 30)
        engine.gate.set()
        _, (result,) = await batcher.run(probe, [Text(LINES[3])], options())
        assert result.error is None and batcher.pending == 0
        assert await batcher.stop()

    asyncio.run(scenario())


def test_a_pass_that_gives_nothing_leaves_doubt_until_one_gives_something(demo: Probe) -> None:
    async def scenario() -> None:
        engine, batcher = engines.Faulty(demo.target), await running()
        probe = Probe(engine)
        engine.error = RuntimeError("the device is gone")
        with pytest.raises(RuntimeError):
            await batcher.run(probe, [Text(LINES[0])], options())
        assert batcher.doubtful
        engine.error = None
        await batcher.run(probe, [Text("")], options())  # no model read anything
        assert batcher.doubtful
        await batcher.run(probe, [Text(LINES[0])], options())
        assert not batcher.doubtful
        await batcher.stop()

    asyncio.run(scenario())
