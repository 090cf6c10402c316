"""The remote engine against a real HTTP server that answers as vLLM and SGLang do, and that can be made to fail."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from fastapi import FastAPI, HTTPException

from probe import open_probe
from probe.config import Settings
from probe.errors import ModelError
from probe.models import wire
from probe.models.base import Engine
from probe.models.dialects import DIALECTS
from probe.models.local import LocalEngine
from probe.models.remote import RemoteEngine
from probe.models.served import context_of
from probe.models.tokens import open_tokenizer
from probe.models.vllm_plugin import COLUMNS
from probe.types import Tokens, TokenStats, Unscored
from tests.contract import MODEL, Contract
from tests.serving import Running, servers

TEXTS = ["Return the list.", "The iterator yields each key once, and then it stops.", "If not, it is made. " * 30]


Start = Callable[..., Any]


class Server:
    """Answers over a real model; `fails` requests get 503 first; `shift` makes its tokens others than ours."""

    def __init__(self, folder: Path, speaks: str) -> None:
        self.engine, self.folder, self.speaks = LocalEngine.open(str(folder)), folder, speaks
        self.tokenizer = open_tokenizer(str(folder))
        self.fails, self.asked, self.shift, self.lock = 0, 0, 0, threading.Lock()
        self.app = FastAPI()
        self.app.get("/v1/models")(self.models)
        self.app.post("/v1/completions")(self.completions)
        if speaks != "nothing beside":
            self.app.post("/tokenize")(self.tokenize)
        if speaks in ("pooling", "labels", "embedding"):
            self.app.post("/pooling")(self.pooling)
        if speaks == "generate":
            self.app.post("/generate")(self.generate)

    def models(self) -> dict[str, Any]:
        return {"data": [{"id": str(self.folder), "max_model_len": self.engine.context}, {"id": "second"}]}

    def tokenize(self, body: dict[str, Any]) -> dict[str, Any]:
        assert body["add_special_tokens"] is False
        (tokens,) = self.tokenizer([body["prompt"]])
        assert isinstance(tokens, Tokens)
        return {"tokens": [token + self.shift for token in tokens.ids[int(tokens.has_bos) :].tolist()]}

    def stats(self, ids: list[int]) -> TokenStats:
        with self.lock:
            self.asked += 1
            if self.fails:
                self.fails -= 1
                raise HTTPException(503)
            assert len(ids) < self.engine.context, "no room is left for the one token that must be generated"
            span = np.arange(len(ids), dtype=np.int32)
            tokens = Tokens(np.array(ids, dtype=np.int32), span[1:], span[1:], has_bos=False)
            (found,) = self.engine.score([tokens])
        assert isinstance(found, TokenStats)
        return found

    def pooling(self, body: dict[str, Any]) -> dict[str, Any]:
        assert body["task"] == "token_classify" and body["use_activation"] is False
        found = self.stats(body["input"])
        table = np.stack([getattr(found, name) for name in COLUMNS], axis=1)
        if self.speaks == "labels":  # a classifier of tokens, with as many labels as we have columns
            table = np.concatenate([table[:1], table])
        if self.speaks == "embedding":
            table = np.abs(table)
        assert (body["encoding_format"], body["embed_dtype"], body["endianness"]) == ("base64", "float32", "little")
        return {"data": [{"index": 0, "data": base64.b64encode(table.astype("<f4").tobytes()).decode()}]}

    def generate(self, body: dict[str, Any]) -> dict[str, Any]:
        assert body["return_logprob"] and body["logprob_start_len"] == 0 and body["top_logprobs_num"] == 1
        ids = body["input_ids"]
        rows, top = pairs(self.stats(ids))
        own = [[value, token, None] for value, token in zip(rows, ids[1:], strict=True)]
        meta = {
            "input_token_logprobs": [[None, ids[0], None], *own],
            "input_top_logprobs": [None, *([[value, 5, None]] for value in top)],
        }
        return {"text": "", "meta_info": meta}

    def completions(self, body: dict[str, Any]) -> dict[str, Any]:
        found = self.stats(body["prompt"])
        values, best = pairs(found)
        if self.speaks == "prompt_logprobs" and "prompt_logprobs" in body:
            rows = [
                {str(token): {"logprob": value, "rank": int(rank) + 1}}
                for token, value, rank in zip(body["prompt"][1:], values, found.rank, strict=True)
            ]
            return {"choices": [{"prompt_logprobs": [None, *rows]}]}
        if self.speaks == "echo" and "echo" in body:
            top = [{"best": value} for value in best]
            return {
                "choices": [{"logprobs": {"token_logprobs": [None, *values, -1.0], "top_logprobs": [None, *top, {}]}}],
                "usage": {"prompt_tokens": len(body["prompt"]), "completion_tokens": 1},
            }
        if self.speaks == "the generated token only":  # an echo that is ignored
            return {"choices": [{"logprobs": {"token_logprobs": [-1.0], "top_logprobs": [{"a": -1.0}]}}]}
        return {"choices": [{"text": "no log-probabilities here"}]}


def pairs(found: TokenStats) -> tuple[list[float], list[float]]:
    """Returns the log-probabilities of the tokens, and of tokens at least as likely."""
    values = found.logprob.tolist()
    return values, [value if rank == 0 else value + 1 for value, rank in zip(values, found.rank, strict=True)]


@pytest.fixture
def serve(make_model: Callable[[str], Path]) -> Iterator[Start]:
    with servers() as begin:

        def start(speaks: str, port: int | None = None) -> tuple[Server, str, Running]:
            server = Server(make_model("llama"), speaks)
            running = begin(server.app, port)
            return server, running.address, running

        yield start


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_BACKOFF", 0.01)


def tokens_of(engine: RemoteEngine) -> list[Tokens]:
    return [entry for entry in engine.tokenize(TEXTS) if isinstance(entry, Tokens)]


class Remote(Contract):
    """The contract, in one dialect."""

    speaks: ClassVar[str]

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls) -> Iterator[Engine]:
        with servers() as start:
            yield RemoteEngine(start(Server(Path(MODEL), cls.speaks).app).address)

    def test_it_says_how_it_asks(self, engine: Engine) -> None:
        assert engine.identity.engine == f"remote/{self.speaks}"


class TestPooling(Remote):
    speaks = "pooling"


class TestPromptLogprobs(Remote):
    speaks, moments = "prompt_logprobs", False


class TestGenerate(Remote):
    speaks, moments, ranks = "generate", False, False


class TestEcho(Remote):
    speaks, moments, ranks = "echo", False, False


def test_a_server_with_our_plugin_gives_every_score(serve: Start, make_model: Callable[[str], Path]) -> None:
    _, address, _ = serve("pooling")
    settings = Settings(cache_bytes=0)
    (remote_result,) = open_probe(address, settings=settings)("Return the list of all names.")
    (local_result,) = open_probe(str(make_model("llama")), settings=settings)("Return the list of all names.")
    for name in ("loss", "minkpp"):
        expected = local_result.scores[name].value
        assert expected is not None and remote_result.scores[name].value == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("speaks", ["labels", "embedding"])
def test_a_foreign_pooling_server_is_not_misread(serve: Start, speaks: str) -> None:
    _, address, _ = serve(speaks)
    reason = "answered for 3 of 2 tokens" if speaks == "labels" else "is not what pooling means here"
    with pytest.raises(ModelError, match=reason):
        RemoteEngine(address).load()


def test_a_server_with_another_tokenizer_is_refused(serve: Start) -> None:
    server, address, _ = serve("prompt_logprobs")
    server.shift = 1
    with pytest.raises(ModelError, match=r"cuts text into other tokens .*MEMPROBE_TOKENIZER"):
        RemoteEngine(address).load()


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
    server.fails, server.asked = wire.TRIES - 1, 0
    assert all(isinstance(found, TokenStats) for found in engine.score(tokens_of(engine)[:1]))
    assert server.asked == wire.TRIES + 1  # and the fixed sentence, for a server that failed may be another


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


def test_after_many_failures_in_a_row_the_rest_of_a_call_is_not_asked(
    serve: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "_BACKOFF", 0.001)
    _, address, running = serve("prompt_logprobs")
    engine = RemoteEngine(address, concurrency=2)
    (tokens, *_) = tokens_of(engine)
    engine.load()
    running.end()
    found = engine.score([tokens] * 60)
    reasons = [entry.reason for entry in found if isinstance(entry, Unscored)]
    assert len(reasons) == 60 and 20 < sum(reason.startswith("not asked") for reason in reasons) < 30
    assert "ConnectError" in reasons[0]


@pytest.mark.parametrize("speaks", ["nothing", "nothing beside", "the generated token only"])
def test_a_server_without_logprobs_is_refused_with_the_remedy(serve: Start, speaks: str) -> None:
    _, address, _ = serve(speaks)
    with pytest.raises(ModelError, match=r"gives no log-probabilities of prompts .*Serve the model with vLLM"):
        RemoteEngine(address).load()


def test_a_wrong_name_or_address(serve: Start, make_model: Callable[[str], Path]) -> None:
    _, address, _ = serve("echo")
    with pytest.raises(ModelError, match="second, not third"):
        RemoteEngine(f"{address}#third")
    assert RemoteEngine(f"{address}#second", str(make_model("llama"))).identity.name == "second"
    with pytest.raises(ModelError, match=r"failed: status 404; check that this is its API's base"):
        RemoteEngine(address.removesuffix("/v1"))


@pytest.mark.parametrize("value", [np.nan, -np.inf, -9999.0])
def test_no_value_without_a_finite_probability_is_believed(value: float) -> None:
    table = np.array([[value, -1, 1, 0], [-1, -1, 1, 0]], dtype="<f4")
    with pytest.raises(ModelError, match="no finite probability"):
        DIALECTS[0].read({"data": [{"data": base64.b64encode(table.tobytes()).decode()}]}, [1, 2, 3])


def test_other_weights_at_the_same_address_are_another_engine(serve: Start) -> None:
    """Else a cache would answer for the model that was served there before."""
    server, address, _ = serve("prompt_logprobs")
    first = RemoteEngine(address)
    again = RemoteEngine(address)
    assert first.identity == again.identity
    server.engine.load()
    with torch.no_grad():
        server.engine.network.model.get_output_embeddings().weight.mul_(1.1)
    other = RemoteEngine(address)
    assert other.identity.model == first.identity.model and other.identity != first.identity


@pytest.mark.parametrize(
    "tokens",
    [
        [None, -1.0, -2.0, -3.0, -4.0, -5.0],  # a token before the first, and one generated
        [-1.0, -2.0, -3.0, -4.0],  # a probability of the first token, which has none
        [None, -1.0, -2.0],
    ],
)
def test_an_echo_of_other_tokens_than_were_sent_is_not_believed(tokens: list[float | None]) -> None:
    """Four tokens were sent: one null and three probabilities come back, and perhaps that of a generated one."""
    for good in ([None, -1.0, -2.0, -3.0], [None, -1.0, -2.0, -3.0, -4.0]):
        assert echo(good, {"prompt_tokens": 4}) == [-1.0, -2.0, -3.0]
    with pytest.raises(ModelError, match="holds no echo"):
        echo(tokens, {"prompt_tokens": 4})


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": 5}, {"prompt_tokens": 4, "completion_tokens": 0}])
def test_a_row_too_many_is_not_taken_for_a_generated_one(usage: dict[str, int] | None) -> None:
    """A server that puts a BOS before the tokens, and generates nothing, gives as many rows."""
    with pytest.raises(ModelError, match="scored the 4 tokens sent"):
        echo([None, -9.0, -1.0, -2.0, -3.0], usage)
    assert echo([None, -1.0, -2.0, -3.0], {"completion_tokens": 0}) == [-1.0, -2.0, -3.0]


def echo(values: list[float | None], usage: dict[str, int] | None) -> list[float]:
    """Returns the log-probabilities that are read for four tokens."""
    dialect = next(dialect for dialect in DIALECTS if dialect.name == "echo")
    top = [None if value is None else {"x": value} for value in values]
    answer = {"choices": [{"logprobs": {"token_logprobs": values, "top_logprobs": top}}], "usage": usage}
    return list(dialect.read(answer, [1, 2, 3, 4])[:, 0].tolist())


@pytest.mark.parametrize("top", [[None] * 4, [[], [], [], []], None])
def test_an_odd_answer_is_an_error_of_one_text(top: object) -> None:
    echo = next(dialect for dialect in DIALECTS if dialect.name == "echo")
    odd = {"choices": [{"logprobs": {"token_logprobs": [None, -1.0, -2.0, -3.0], "top_logprobs": top}}]}
    with pytest.raises(ModelError, match="holds no echo"):
        echo.read(odd, [1, 2, 3, 4])


@pytest.mark.parametrize("stated", [-5, 0, 1, 7, "abc", [1], 2.5, True])
def test_a_context_that_is_none_is_refused(stated: object) -> None:
    with pytest.raises(ModelError, match="max_model_len"):
        context_of({"max_model_len": stated})
    assert context_of({"max_model_len": 8}) == 8 and context_of({}) == context_of({"max_model_len": None}) > 0


@pytest.mark.parametrize("address", ["http://localhost:abc/v1", "http://[::1/v1"])
def test_what_is_no_address_is_named(address: str) -> None:
    with pytest.raises(ModelError, match="is no address"):
        RemoteEngine(address)


def test_a_key_that_no_header_can_carry_is_named() -> None:
    with pytest.raises(ModelError, match="MEMPROBE_REMOTE_KEY"):
        RemoteEngine("http://127.0.0.1:9/v1", key="clé")
