"""Servers that mean harm, or are broken: whatever they write, an exchange ends, in time and in memory."""

from __future__ import annotations

import gzip
import re
import time
import tracemalloc
from collections.abc import Iterator

import pytest

from probe.errors import ModelError
from probe.models import reply as module
from probe.models import wire
from probe.models.generate import GenerateEngine
from probe.models.wire import Refused, Wire
from probe.types import Unscored
from tests.models.raw import Written, drip, raw, reply

HEAD = b"HTTP/1.1 200 said\r\n"


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_BACKOFF", 0.01)


def ask(written: Written, timeout: float = 5.0) -> object:
    with raw(lambda *_: written) as address:
        line = Wire(address, timeout=timeout)
        with line.open() as client:
            return line.send(client, "POST", "path", {"x": 1})


@pytest.mark.parametrize(
    "begin",
    [
        HEAD + b"\r\n",
        HEAD + b"X-Header: ",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nTrailer: ",
    ],
    ids=["body", "header", "chunk", "trailer"],
)
def test_a_server_that_drips_is_given_up(begin: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its every byte comes before the client's time-out."""
    monkeypatch.setattr(wire, "TRIES", 1)
    begun = time.monotonic()
    with pytest.raises(ModelError, match="failed: ReadTimeout; it accepts requests"):
        ask(drip(begin), timeout=0.3)
    assert time.monotonic() - begun < 3


def test_an_answer_without_end_is_not_kept() -> None:
    def endless() -> Iterator[bytes]:
        yield reply(b"")
        for _ in range(600):
            yield b" " * 2**20

    tracemalloc.start()
    try:
        with pytest.raises(Refused, match="its answer is larger than 4 MB"):
            ask(endless())
        bomb = gzip.compress(b" " * 2**25)  # 32 MB in 32 KB, less than one read brings
        tracemalloc.reset_peak()
        with pytest.raises(Refused, match="its answer is larger than 4 MB"):
            ask(reply(bomb, Content_Encoding="gzip"))
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    finally:
        tracemalloc.stop()


def test_gzip_is_read_and_nothing_else_is_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "TRIES", 1)
    assert ask(reply(gzip.compress(b'{"a": "' + b"b" * 200_000 + b'"}'), Content_Encoding="gzip")) == {
        "a": "b" * 200_000
    }
    for encoding in ("gzip", "br"):
        with pytest.raises(ModelError, match="DecodingError"):
            ask(reply(b"no such thing", Content_Encoding=encoding))


@pytest.mark.parametrize(
    "content", [b"[" * 200_000, b'{"a":' * 200_000, b"1" * 10_000, b"<html>", b"\xff\xfe\x00", b""]
)
def test_what_is_no_json_is_an_error(content: bytes) -> None:
    with pytest.raises(Refused, match=r"its answer is no JSON; check that it is up, and that this is its API's base$"):
        ask(reply(content))


def test_a_redirect_says_where_to() -> None:
    with pytest.raises(
        Refused, match=r"redirects \(status 307\) to http://else/v1/path; name the address .* leads to$"
    ):
        ask(reply(b"", 307, Location="http://else/v1/path"))


def test_a_server_s_pause_is_heeded_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LONGEST", 1.5)
    for asked, least, most in (("1", 1.0, 1.4), ("3600", 1.5, 2.4), ("soon", 0.0, 0.9)):
        answers = iter([reply({}, 503, Retry_After=asked), reply({"good": 1})])
        with raw(lambda *_: next(answers)) as address:  # noqa: B023 - used within the loop
            line, begun = Wire(address), time.monotonic()
            with line.open() as client:
                assert line.send(client, "GET", "path") == {"good": 1} and line.failures == 1
        assert least <= time.monotonic() - begun < most + 0.5


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (reply(b"[" * 200_000), "its answer is no JSON"),
        (reply([1, 2]), "none to completions"),
        (reply({"choices": [{"text": None, "finish_reason": [[["x"]]]}]}), r"\(finish_reason None\)"),
    ],
)
def test_what_only_generates_may_be_broken_too(written: bytes, reason: str) -> None:
    good = reply({"data": [{"id": [1]}, 5, {"id": "m"}], "choices": [{"text": "A", "finish_reason": "stop"}]})

    def answer(path: str, body: dict[str, object] | None) -> bytes:
        return written if body and body["prompt"] == "bad" else good

    with raw(answer) as address:
        engine = GenerateEngine(address, kind="completions")
        bad, stands = engine.generate(["bad", "good"], 1, 5)
    assert stands == ["A"] and engine.model == "m"
    assert isinstance(bad, Unscored) and re.search(reason, bad.reason)


def test_a_count_that_no_server_can_mean_is_none() -> None:
    usage = (
        b'{"data": [{"id": "m"}], "choices": [{"text": "A"}], "usage": {"prompt_tokens": 1%s, "completion_tokens": 1}}'
    )
    with raw(lambda *_: reply(usage % (b"0" * 400))) as address:
        engine = GenerateEngine(address, kind="completions")
        assert engine.generate(["x"], 1, 5) == [["A"]]
    assert engine.used == engine.estimate(["x"], 1, 5) + engine._bound("Say hello.", 16)
