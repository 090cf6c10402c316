"""The remote engine against a real HTTP server that answers as vLLM and SGLang do, and that can be made to fail."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI, HTTPException

from probe import open_probe
from probe.config import Settings
from probe.errors import ModelError
from probe.models import remote
from probe.models.local import LocalEngine
from probe.models.remote import RemoteEngine
from probe.types import Tokens, TokenStats, Unscored
from tests.system.conftest import free_port

TEXTS = ["Return the list.", "The iterator yields each key once, and then it stops.", "If not, it is made. " * 30]


Start = Callable[..., Any]


class Server:
    """A completions endpoint over a real model; `fails` answers that many requests with 503, `speaks` one dialect."""

    def __init__(self, folder: Path, speaks: str) -> None:
        self.engine, self.folder, self.speaks = LocalEngine.open(str(folder)), folder, speaks
        self.fails, self.asked, self.lock = 0, 0, threading.Lock()
        self.app = FastAPI()
        self.app.get("/v1/models")(self.models)
        self.app.post("/v1/completions")(self.completions)

    def models(self) -> dict[str, Any]:
        return {"data": [{"id": str(self.folder), "max_model_len": self.engine.context}, {"id": "second"}]}

    def completions(self, body: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            self.asked += 1
            if self.fails:
                self.fails -= 1
                raise HTTPException(503)
        assert len(body["prompt"]) < self.engine.context, "no room is left for the one token that must be generated"
        ids = np.array(body["prompt"], dtype=np.int32)
        span = np.arange(len(ids), dtype=np.int32)
        with self.lock:
            (found,) = self.engine.score([Tokens(ids, span[1:], span[1:], has_bos=False)])
        assert isinstance(found, TokenStats)
        if self.speaks == "prompt_logprobs" and "prompt_logprobs" in body:
            rows = [
                {str(token): {"logprob": float(value), "rank": int(rank) + 1}}
                for token, value, rank in zip(ids[1:], found.logprob, found.rank, strict=True)
            ]
            return {"choices": [{"prompt_logprobs": [None, *rows]}]}
        if self.speaks == "echo" and "echo" in body:
            values = [float(value) for value in found.logprob]
            top = [{"best": value if rank == 0 else value + 1} for value, rank in zip(values, found.rank, strict=True)]
            return {
                "choices": [{"logprobs": {"token_logprobs": [None, *values, -1.0], "top_logprobs": [None, *top, {}]}}]
            }
        return {"choices": [{"text": "no log-probabilities here"}]}


class Running(uvicorn.Server):
    """uvicorn in a thread."""

    def __init__(self, app: FastAPI, port: int) -> None:
        super().__init__(uvicorn.Config(app, port=port, log_level="critical"))
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        for _ in range(100):
            if self.started:
                return
            time.sleep(0.05)
        raise RuntimeError("the server did not start")

    def end(self) -> None:
        self.should_exit = self.force_exit = True
        self.thread.join(10)


@pytest.fixture
def serve(make_model: Callable[[str], Path]) -> Iterator[Start]:
    ended: list[Running] = []

    def start(speaks: str, port: int | None = None) -> tuple[Server, str, Running]:
        server, port = Server(make_model("llama"), speaks), port or free_port()
        ended.append(Running(server.app, port))
        return server, f"http://127.0.0.1:{port}/v1", ended[-1]

    yield start
    for running in ended:
        running.end()


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_BACKOFF", 0.01)


def tokens_of(engine: RemoteEngine) -> list[Tokens]:
    return [entry for entry in engine.tokenize(TEXTS) if isinstance(entry, Tokens)]


@pytest.mark.parametrize("speaks", ["prompt_logprobs", "echo"])
def test_values_are_the_model_s_own(serve: Start, make_model: Callable[[str], Path], speaks: str) -> None:
    _, address, _ = serve(speaks)
    engine = RemoteEngine(address)
    local = LocalEngine.open(str(make_model("llama")))
    local.context = engine.context  # one token less, because the server always generates one
    for found, expected in zip(engine.score(tokens_of(engine)), local.score(tokens_of(engine)), strict=True):
        assert isinstance(found, TokenStats) and isinstance(expected, TokenStats)
        np.testing.assert_allclose(found.logprob, expected.logprob, atol=1e-4)
        assert found.windows == expected.windows and found.mu is None
        assert ((found.rank > 0) == (expected.rank > 0)).all()
    assert engine.identity.engine == f"remote/{speaks}"


def test_scores_that_need_moments_say_so(serve: Start, make_model: Callable[[str], Path]) -> None:
    _, address, _ = serve("prompt_logprobs")
    probe = open_probe(address, str(make_model("llama")), settings=Settings(cache_bytes=0))
    (result,) = probe("Return the list of all names.")
    assert result.scores["minkpp"].reason == "this engine gives no full-vocabulary moments"
    assert result.scores["ref"].value == pytest.approx(0, abs=1e-4)  # the same model on both sides
    assert result.verdict and result.verdict.call == "inconclusive"


def test_passing_failures_are_tried_again(serve: Start) -> None:
    server, address, _ = serve("prompt_logprobs")
    engine = RemoteEngine(address, concurrency=1)
    engine.load()
    server.fails, server.asked = remote.TRIES - 1, 0
    assert all(isinstance(found, TokenStats) for found in engine.score(tokens_of(engine)[:1]))
    assert server.asked == remote.TRIES


def test_a_dead_server_is_an_error_per_text_and_the_next_request_works(serve: Start) -> None:
    _, address, running = serve("prompt_logprobs")
    engine = RemoteEngine(address)
    tokens = tokens_of(engine)
    assert all(isinstance(found, TokenStats) for found in engine.score(tokens))
    running.end()
    for found in engine.score(tokens):
        assert isinstance(found, Unscored) and "failed: ConnectError" in found.reason
    serve("prompt_logprobs", int(address.rsplit(":", 1)[1].split("/")[0]))
    assert all(isinstance(found, TokenStats) for found in engine.score(tokens))


def test_a_server_without_logprobs_is_refused_with_the_remedy(serve: Start) -> None:
    _, address, _ = serve("neither")
    with pytest.raises(ModelError, match=r"gives no log-probabilities of prompts .*Serve the model with vllm"):
        RemoteEngine(address).load()


def test_a_wrong_name_or_address(serve: Start, make_model: Callable[[str], Path]) -> None:
    _, address, _ = serve("echo")
    with pytest.raises(ModelError, match="second, not third"):
        RemoteEngine(f"{address}#third")
    assert RemoteEngine(f"{address}#second", str(make_model("llama"))).identity.name == "second"
    with pytest.raises(ModelError, match=r"failed: status 404; is it up, and is this its API's base"):
        RemoteEngine(address.removesuffix("/v1"))
