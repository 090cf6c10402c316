"""The generate-only engine against a real HTTP server over the embedded target, which can be made to fail."""

from __future__ import annotations

import pytest

from probe.errors import InputError, ModelError
from probe.models import draw
from probe.models.budget import Usage
from probe.models.generate import GenerateEngine
from probe.models.wire import TRIES
from probe.types import Unscored
from tests.textonly.conftest import Serve, fast, serve
from tests.textonly.serving import Server, generate

__all__ = ["fast", "serve"]  # fixtures
PROMPTS = ["Return a new list", "The iterator yields each", "If not, it is"]


def said(prompt: str) -> str:
    return f"heard {prompt}"


@pytest.mark.parametrize("path", ["completions", "chat/completions"])
def test_texts_are_the_model_s_own(serve: Serve, path: str) -> None:
    address, _ = serve(Server(path))
    engine = GenerateEngine(address)
    found = engine.generate(PROMPTS, 2, 5, temperature=0.8, seed=3)
    assert found == [[generate(prompt, 5, 0.8, seed) for seed in (3, 4)] for prompt in PROMPTS]
    assert engine.dialect.path == path and found == engine.generate(PROMPTS, 2, 5, temperature=0.8, seed=3)
    assert engine.used == Usage(1 + 12, 130, 5 + 12 * 5)  # the server's own count


@pytest.mark.parametrize("refused", [("seed",), ("max_tokens",), ("max_tokens", "seed")])
def test_what_the_server_refuses_is_left_out(serve: Serve, refused: tuple[str, ...]) -> None:
    server = Server("chat/completions", reply=said, refuses=refused)
    address, _ = serve(server)
    engine = GenerateEngine(f"{address}#second")
    assert engine.generate(PROMPTS[:1], 1, 5, instruction="Go on.") == [[f"heard Go on.\n\n{PROMPTS[0]}"]]
    assert not set(refused) & set(server.bodies[-1]) and server.bodies[-1]["model"] == "second"
    assert engine.used.requests == 2  # refusals cost nothing


def test_completions_get_no_instruction_and_a_named_kind_is_kept(serve: Serve) -> None:
    server = Server("completions", "chat/completions", reply=said)
    address, _ = serve(server)
    assert GenerateEngine(address).generate(["x"], 1, 5, instruction="Go on.") == [["heard x"]]
    assert GenerateEngine(address, kind="chat").generate(["x"], 1, 5, instruction="Go on.") == [["heard Go on.\n\nx"]]


def test_passing_failures_are_tried_again(serve: Serve) -> None:
    server = Server("completions", reply=said)
    address, _ = serve(server)
    engine = GenerateEngine(address, concurrency=1)
    assert engine.dialect
    server.fails, server.bodies = TRIES - 1, []
    assert engine.generate(["x"], 1, 5) == [["heard x"]]
    assert server.asked == TRIES


def test_one_prompt_s_failure_is_its_own(serve: Serve) -> None:
    address, _ = serve(Server("chat/completions", reply=lambda prompt: None if prompt == "x" else prompt))
    good, bad, unsendable = GenerateEngine(address).generate(["y", "x", "\ud800"], 2, 5)
    assert good == ["y", "y"]
    assert bad == Unscored("the server answered without text (finish_reason stop)")
    assert unsendable == Unscored("the text is not valid Unicode")


def test_a_server_killed_midway_is_an_error_per_text_and_the_next_call_works(serve: Serve) -> None:
    address, running = serve(Server("completions", reply=said))
    engine = GenerateEngine(address, concurrency=2)
    prompts = [str(number) for number in range(400)]

    def kill(done: int, _: int) -> None:
        if done == 10:
            running.end()

    found = engine.generate(prompts, 2, 5, progress=kill)
    failed = [entry.reason for entry in found if isinstance(entry, Unscored)]
    assert found[0] == ["heard 0"] * 2 and draw.GIVE_UP < len(failed) < 400
    assert any("failed: ConnectError" in reason for reason in failed)
    assert f"failed {draw.GIVE_UP} requests in a row" in failed[-1]
    serve(Server("completions", reply=said), int(address.rsplit(":", 1)[1].split("/")[0]))
    assert engine.generate(prompts[:9], 2, 5) == [[f"heard {number}"] * 2 for number in range(9)]


def test_wrong_servers_and_options(serve: Serve) -> None:
    address, running = serve(Server())
    with pytest.raises(ModelError, match=r"generates no text \(completions: .*status 404.*chat: .*the key"):
        GenerateEngine(address).generate(["x"], 1, 5)
    with pytest.raises(ModelError, match=r"status 404; check .*name the model behind"):
        GenerateEngine(address.removesuffix("/v1")).generate(["x"], 1, 5)
    running.end()
    with pytest.raises(ModelError, match="failed: ConnectError; check that it is up"):
        GenerateEngine(address).generate(["x"], 1, 5)
    for wrong in ("org/model", "#x", "http://host:port"):
        with pytest.raises(InputError, match="address"):
            GenerateEngine(wrong)
    for options in ({"samples": 0}, {"max_tokens": 0}, {"max_tokens": [5, 0]}, {"temperature": -1}):
        with pytest.raises(InputError, match="at least"):
            GenerateEngine(address).generate(["x", "y"], **{"samples": 1, "max_tokens": 5, **options})  # type: ignore[arg-type]
