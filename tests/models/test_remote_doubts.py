"""What the remote engine does not believe: a model exchanged behind its back, and values that no model gives."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from probe import open_probe
from probe.config import Settings
from probe.errors import ModelError
from probe.models import remote, wire
from probe.models.dialects import DIALECTS
from probe.models.remote import RemoteEngine
from probe.types import Tokens, TokenStats, Unscored
from tests.models.raw import raw, reply
from tests.tiny import ASSETS

TEXT, OTHER = "Return the list of all names.", "The iterator yields each key once."
OPTIONS = {"tokenizer": str(ASSETS / "target")}


class Server:
    """Gives every token the same log-probability, that of the model loaded; `script` makes of an answer another."""

    def __init__(self) -> None:
        self.model, self.asked, self.fails, self.lock = -2.0, 0, 0, threading.Lock()
        self.script: Callable[[list[int]], bytes | None] = lambda ids: None
        self.then: float | None = None  # the model once the next text is scored

    def answer(self, path: str, body: Any) -> bytes:
        if path == "/v1/models":
            return reply({"data": [{"id": "m", "max_model_len": 256}]})
        if path != "/v1/completions":
            return reply({}, 404)
        with self.lock:
            self.asked += 1
            if self.fails:
                self.fails -= 1
                return b""  # the connection ends
            ids, value = body["prompt"], self.model
            self.model, self.then = self.model if self.then is None else self.then, None
        rows = [{str(token): {"logprob": value, "rank": 3}} for token in ids[1:]]
        scripted = self.script(ids)
        return reply({"choices": [{"prompt_logprobs": [None, *rows]}]}) if scripted is None else scripted


@pytest.fixture
def served() -> Iterator[tuple[Server, str]]:
    server = Server()
    with raw(server.answer) as address:
        yield server, f"{address}/v1"


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_BACKOFF", 0.01)


def tokens_of(engine: RemoteEngine, *texts: str) -> list[Tokens]:
    return [entry for entry in engine.tokenize(texts) if isinstance(entry, Tokens)]


def test_the_cache_keeps_no_other_model_s_scores(
    served: tuple[Server, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, address = served
    settings = Settings(home=tmp_path, cache_bytes=2**20, tokenizer=OPTIONS["tokenizer"])
    probe = open_probe(address, settings=settings)
    assert probe([TEXT])[0].scores["loss"].value == pytest.approx(-2)
    server.model = -7.0
    monkeypatch.setattr(remote, "_SURE", 0.0)
    assert "now has another model than when it was opened" in str(probe([OTHER])[0].error)
    server.model = -2.0
    again = open_probe(address, settings=settings)
    assert again([OTHER])[0].scores["loss"].value == pytest.approx(-2)


def test_a_model_exchanged_within_a_call_is_noticed(served: tuple[Server, str]) -> None:
    server, address = served
    engine = RemoteEngine(address, **OPTIONS, concurrency=1)
    tokens = tokens_of(engine, TEXT, OTHER) * 4
    assert all(isinstance(found, TokenStats) for found in engine.score(tokens))
    server.then = -7.0  # the first text of eight is still the first model's
    reasons = {found.reason for found in engine.score(tokens) if isinstance(found, Unscored)}
    assert reasons == {"the server now has another model than when it was opened: open it again"}
    server.model = -2.0
    assert all(isinstance(found, TokenStats) for found in engine.score(tokens))


def test_small_calls_are_checked_after_every_failure_and_else_now_and_then(
    served: tuple[Server, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, address = served
    monkeypatch.setattr(remote, "_SURE", 3600.0)
    engine = RemoteEngine(address, **OPTIONS)
    (tokens,) = tokens_of(engine, TEXT)
    engine.load()

    def asked_for_one() -> int:
        before = server.asked
        assert isinstance(engine.score([tokens])[0], TokenStats)
        return server.asked - before

    assert asked_for_one() == 1
    server.fails = 1
    assert asked_for_one() == 3  # the failure, the text, the fixed sentence
    assert asked_for_one() == 1
    server.model, server.fails = -7.0, 1  # it was started again with another model
    for _ in range(2):  # once in doubt, in doubt for good
        (found,) = engine.score([tokens])
        assert isinstance(found, Unscored) and "another model" in found.reason
    server.model = -2.0 + remote._NOISE / 2
    assert asked_for_one() == 2 and asked_for_one() == 1
    monkeypatch.setattr(remote, "_SURE", 0.0)
    assert asked_for_one() == 2


def test_what_cannot_be_checked_after_a_failure_is_not_returned(served: tuple[Server, str]) -> None:
    server, address = served
    engine = RemoteEngine(address, **OPTIONS, concurrency=1)
    first, second = tokens_of(engine, TEXT, OTHER)
    engine.load()
    server.script = lambda ids: None if ids == first.ids.tolist() else b""
    good, bad = engine.score([first, second])
    assert isinstance(good, Unscored) and "cannot be asked whether it still has the same model" in good.reason
    assert isinstance(bad, Unscored) and bad.reason.startswith("the server at")


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ('{"logprob": -0.01, "rank": 41}', "no model gives such values"),
        ('{"logprob": -50.0, "rank": 3000000000}', "no model gives such values"),
        ('{"logprob": -1e300, "rank": 1}', "no finite probability"),
        ('{"logprob": NaN, "rank": 1}', "no finite probability"),
        ('{"logprob": -1%s, "rank": 1}' % ("0" * 400), "holds no prompt_logprobs"),
        ('{"logprob": "-1", "rank": 2}', "holds no prompt_logprobs"),
        ("[" * 200_000, "its answer is no JSON"),
    ],
)
def test_values_that_no_model_gives_are_an_error_of_one_text(
    served: tuple[Server, str], entry: str, reason: str
) -> None:
    server, address = served
    engine = RemoteEngine(address, **OPTIONS)
    texts = tokens_of(engine, TEXT, OTHER)

    def script(ids: list[int]) -> bytes | None:
        if ids != texts[0].ids.tolist():
            return None
        rows = ",".join(f'{{"{token}": {entry}}}' for token in ids[1:])
        return reply(f'{{"choices": [{{"prompt_logprobs": [null, {rows}]}}]}}'.encode())

    server.script = script
    bad, good = engine.score(texts)
    assert isinstance(bad, Unscored) and reason in bad.reason and isinstance(good, TokenStats)


@pytest.mark.parametrize("content", [b"[" * 200_000, [1], {"data": [{"id": ["m"]}]}, {"data": {"id": "m"}}])
def test_a_broken_list_of_models_is_named_when_opening(content: object) -> None:
    with raw(lambda *_: reply(content)) as address, pytest.raises(ModelError, match=r"no JSON|lists no models"):
        RemoteEngine(address)


def test_ranks_leave_room_for_rounding_and_for_ties() -> None:
    prompt = next(dialect for dialect in DIALECTS if dialect.name == "prompt_logprobs")
    even = [None, {"2": {"logprob": -float(np.log(3)) + 0.01, "rank": 3}}]  # three tokens of a third each, in 16 bits
    assert prompt.read({"choices": [{"prompt_logprobs": even}]}, [1, 2]).shape == (1, 2)
    generate = next(dialect for dialect in DIALECTS if dialect.name == "generate")

    def rank(value: float, best: float) -> float:
        meta = {"input_token_logprobs": [[None, 1], [value, 2]], "input_top_logprobs": [None, [[best, 3]]]}
        return float(generate.read({"meta_info": meta}, [1, 2])[0, 1])

    assert rank(-1.0, -0.5) == 1 and rank(-1.0, -1.0) == 0 and rank(-1e-4, 0.0) == 0
    for value, best in ((-0.1, -0.01), (-1.0, -2.0), (-1.0, float("nan"))):
        with pytest.raises(ModelError):
            rank(value, best)
