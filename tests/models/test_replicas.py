"""A model in several processes: it keeps the contract, and what happens to a process is told and mended."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.config import Settings
from probe.errors import InputError, ModelError
from probe.models.base import Engine
from probe.models.local import LocalEngine
from probe.models.replicas import Replica, Replicas, divide
from probe.models.writing import Prompt
from probe.opening import open_engine
from probe.types import Tokens, TokenStats
from probe.wanted import while_wanted
from tests.contract import MODEL, TEXTS, Contract, scored


class TestReplicas(Contract):
    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls) -> Iterator[Engine]:
        yield Replicas(MODEL, "cpu,cpu", dtype="float32")


@pytest.fixture(scope="module")
def replicas() -> Replicas:
    return Replicas(MODEL, "cpu,cpu", dtype="float32")


def _tokens(engine: Engine, texts: list[str]) -> list[Tokens]:
    return [one for one in engine.tokenize(texts) if isinstance(one, Tokens)]


def test_each_has_a_share(replicas: Replicas) -> None:
    texts = _tokens(replicas, [f"{number} " + " and so on" * (number % 90) for number in range(300)])
    alone = LocalEngine.open(MODEL, dtype="float32")
    for one, other in zip(replicas.score(texts), alone.score(texts), strict=True):
        assert isinstance(one, TokenStats) and isinstance(other, TokenStats)
        assert list(one.tokens.ids) == list(other.tokens.ids)
        np.testing.assert_allclose(one.logprob, other.logprob, atol=1e-4)
    assert all(replica._process for replica in replicas._replicas)


def test_they_go_on_with_a_text(replicas: Replicas) -> None:
    prompts = [
        Prompt(tokens.ids[:size], 4) for size, tokens in zip((3, 9, 5), _tokens(replicas, TEXTS[:3]), strict=True)
    ]
    assert replicas.write(prompts, 0) == LocalEngine.open(MODEL, dtype="float32").write(prompts, 0)


def test_a_process_that_ends_is_told_and_begun_anew(replicas: Replicas) -> None:
    replicas.load()
    for replica in replicas._replicas:
        assert replica._process
        os.kill(replica._process.pid, signal.SIGKILL)
        replica._process.wait()
    assert len(scored(replicas, TEXTS)) == len(scored(LocalEngine.open(MODEL, dtype="float32"), TEXTS))


def test_a_process_that_ends_while_it_works(make_model: Callable[[str], Path]) -> None:
    replica = Replica({"source": str(make_model("llama")), "device_map": "cpu", "dtype": "float32"})
    replica.ask("load")
    process = replica._process
    assert process

    def end() -> None:
        process.kill()

    tokens = _tokens(LocalEngine.open(MODEL), [" word" * 100] * 64)
    with while_wanted(end), pytest.raises(ModelError, match="device cpu ended"):
        while True:  # until one look finds it at work
            replica.ask("score", tokens * 20)


def test_work_that_is_not_wanted_ends(replicas: Replicas) -> None:
    """What was asked for then is not taken for the answer to what is asked next."""

    class Gone(Exception):
        pass

    def gone() -> None:
        raise Gone

    texts = _tokens(replicas, [" word" * 200] * 400)
    with while_wanted(gone), pytest.raises(Gone):
        replicas.score(texts)
    assert len(replicas.score(texts[:3])) == 3


def test_an_answer_that_nobody_took_does_not_stand_in_the_way(replicas: Replicas) -> None:
    """It is larger than what a pipe holds, and so is the next question."""

    class Gone(Exception):
        pass

    (tokens,) = _tokens(replicas, [" word" * 300])
    replica = replicas._replicas[0]
    replica.ask("load")
    every = [tokens] * 2000
    asked: list[int] = []

    def once() -> None:
        asked.append(1)
        raise Gone

    with while_wanted(once), pytest.raises(Gone):
        replica.ask("score", every[:400])
    answers = replica.ask("score", every)
    assert asked and len(answers) == len(every)


def test_two_callers_do_not_take_each_other_s_answers(replicas: Replicas) -> None:
    texts = [_tokens(replicas, [" word" * number])[0] for number in (20, 300)]
    replica, found = replicas._replicas[0], {}

    def ask(number: int) -> None:
        found[number] = [len(one.tokens.ids) for one in replica.ask("score", [texts[number]] * (40 - 30 * number))]

    threads = [threading.Thread(target=ask, args=(number,)) for number in (1, 0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert found == {0: [len(texts[0].ids)] * 40, 1: [len(texts[1].ids)] * 10}


@pytest.mark.parametrize("named", ["cpu,", ",cpu", "cpu,,cpu"])
def test_a_device_without_a_name_is_refused(named: str) -> None:
    with pytest.raises(InputError, match="device_map"):
        Replicas(MODEL, named)


def test_a_model_that_cannot_be_read_is_told(make_model: Callable[[str], Path], tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for path in make_model("llama").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    found = Replicas(str(folder), "cpu,cpu")
    (folder / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0 nothing")
    with pytest.raises(ModelError):
        found.load()


def test_several_devices_are_named_with_commas() -> None:
    assert isinstance(open_engine(MODEL, Settings(), device_map="cpu, cpu"), Replicas)
    assert isinstance(open_engine(MODEL, Settings(), device_map="cpu"), LocalEngine)


@given(st.lists(st.integers(0, 9000), max_size=200), st.integers(1, 8))
def test_shares_are_a_division(sizes: list[int], many: int) -> None:
    shares = list(divide(sizes, many))
    assert sorted(place for share in shares for place in share) == list(range(len(sizes)))
    assert all(shares)
