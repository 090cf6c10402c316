"""What arrives on a socket, however odd, is answered or ends; the service goes on, and its log tells of no fault."""

from __future__ import annotations

import gc
import gzip
import json
import logging
import socket
import time
from collections.abc import Iterator

import pytest

from probe.config import Settings
from probe.pipeline import Probe
from server.app import create_app
from tests.server.wire import CLOSE, JSON, Heard, chunked, form, say, sized
from tests.serving import servers

LIMIT, UPLOADS = 30_000, 200_000
GOOD = json.dumps({"model": "demo", "input": "The value must be a string or none at all.", "scores": ["loss"]}).encode()
FILES = b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=B\r\n" + CLOSE
END = b"\r\n--B--\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def port(demo: Probe, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    home = tmp_path_factory.mktemp("home")
    settings = Settings(home=home, max_body_bytes=LIMIT, max_upload_bytes=UPLOADS)
    with servers() as start:
        yield start(create_app(settings, lambda _: {"demo": demo})).port


@pytest.fixture(autouse=True)
def well(port: int, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Behind every test the service answers, and nothing has failed in it."""
    with caplog.at_level(logging.ERROR):
        yield
    assert say(port, HEALTH + CLOSE + b"\r\n").statuses == [200]
    assert not caplog.records


def refused(heard: Heard, status: int, code: str) -> None:
    assert heard.statuses == [status], heard.raw[:300]
    assert heard.error["code"] == code and heard.closed


def test_a_body_byte_by_byte_is_a_body(port: int) -> None:
    heard = say(port, JSON + CLOSE + chunked([GOOD[place : place + 1] for place in range(len(GOOD))]))
    assert heard.statuses == [200]


def test_one_who_asks_before_sending_is_answered_before(port: int) -> None:
    expecting = JSON + CLOSE + b"Expect: 100-continue\r\n"
    began = time.monotonic()
    refused(say(port, expecting + b"Content-Length: 9000000\r\n\r\n"), 413, "body_too_large")
    assert time.monotonic() - began < 10  # it waits for no byte
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(expecting + b"Content-Length: %d\r\n\r\n" % len(GOOD))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(GOOD)
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("line", "status"),
    [(b"POST /nope", 404), (b"POST /readyz", 405), (b"POST /v1/session", 200), (b"POST /v1/batches/none/cancel", 404)],
)
def test_a_body_that_nobody_takes_is_not_waited_for(port: int, line: bytes, status: int) -> None:
    """The answer comes while nearly all of the body is still to be sent, and the connection ends with it."""
    head = line + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 29000\r\n\r\n"
    heard = say(port, head + b"a" * 100, silence=10)
    assert heard.statuses == [status] and heard.closed and b"\r\nconnection: close\r\n" in heard.raw.lower()


@pytest.mark.parametrize("encoding", [b"gzip", b"br", b"identity, gzip"])
def test_packed_bodies_are_refused(port: int, encoding: bytes) -> None:
    bomb = gzip.compress(b" " * 1_000_000)
    heard = say(port, JSON + b"Content-Encoding: " + encoding + b"\r\n" + sized(bomb))
    refused(heard, 415, "unsupported_encoding")
    assert "without Content-Encoding" in heard.error["message"]


def test_a_body_may_say_that_it_is_not_packed(port: int) -> None:
    assert say(port, JSON + CLOSE + b"Content-Encoding: identity\r\n" + sized(GOOD)).statuses == [200]


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"POST /v1/probe HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n", "application/json"),
        (b"POST /v1/probe HTTP/1.1\r\nHost: localhost\r\nContent-Type: \xe9\r\n", "application/json"),
        (b"POST /v1/probe HTTP/1.1\r\nHost: localhost\r\n", "application/json"),
        (b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n", "multipart/form-data"),
    ],
)
def test_another_type_is_told_the_right_one(port: int, head: bytes, kind: str) -> None:
    heard = say(port, head + CLOSE + sized(GOOD))
    refused(heard, 415, "unsupported_content_type")
    assert heard.error["message"] == f"Send the body with Content-Type: {kind}."


@pytest.mark.parametrize("begin", [b"[", b'{"a":', b'{"model":"demo","input":['])
def test_a_body_nested_without_end_is_no_json(port: int, begin: bytes) -> None:
    heard = say(port, JSON + CLOSE + sized(begin * (LIMIT // len(begin) - 10)))
    assert heard.statuses in ([400], [422]) and heard.error["message"]


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: -5\r\n\r\n", b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", b"Content-Length: 1e3\r\n\r\n",
        b"Content-Length: 10\r\nContent-Length: 20\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n\r\n", b"X\0: y\r\n\r\n", b"X: " + b"y" * 200_000,
        b"".join(b"X%d: y\r\n" % number for number in range(20_000)),
    ],
)  # fmt: skip
def test_heads_that_are_none(port: int, head: bytes) -> None:
    assert set(say(port, JSON + head).statuses) <= {400, 501}


def test_a_length_that_lies(port: int) -> None:
    shorter = say(port, JSON + b"Content-Length: 20\r\n\r\n" + GOOD)  # the rest is no request
    assert shorter.statuses[0] == 400 and set(shorter.statuses) == {400}
    longer = say(port, JSON + b"Content-Length: 29000\r\n\r\n" + GOOD, silence=0.5)
    assert longer.raw == b""  # it waits for what is to come, for a time: see below


def test_requests_in_one_go_are_answered_in_order(port: int) -> None:
    heard = say(port, (HEALTH + b"\r\n") + (JSON + sized(GOOD)) * 3 + HEALTH + CLOSE + b"\r\n")
    assert heard.statuses == [200] * 5
    assert heard.raw.index(b'"status":"ok"') < heard.raw.index(b'"verdict"') < heard.raw.rindex(b'"status":"ok"')


@pytest.mark.parametrize("path", [b"/v1/batches", b"/v1/calibrations/demo", b"/v1/files/x", b"/healthz"])
@pytest.mark.parametrize("method", [b"OPTIONS", b"TRACE", b"PATCH", b"HEAD", b"FOO"])
def test_other_methods_are_told_which_there_are(port: int, method: bytes, path: bytes) -> None:
    heard = say(port, method + b" " + path + b" HTTP/1.1\r\nHost: localhost\r\n" + CLOSE + b"\r\n")
    there = {b"/v1/batches": "GET, POST", b"/v1/files/x": "DELETE, GET", b"/healthz": "GET"}
    allowed = there.get(path, "DELETE, GET, PUT")
    assert heard.statuses == [405] and f"allow: {allowed}\r\n" in heard.raw.decode().lower().replace(
        allowed.lower(), allowed
    )


BATCH = form(purpose="batch")


@pytest.mark.parametrize(
    "upload",
    [
        form() + b"x" + END, form(purpose="other") + b"x" + END, b"", b"--B--\r\n", b"\r\n" * 2000, BATCH[:60],
        form(**{f"f{number}": "x" for number in range(1200)}) + b"x" + END, form(purpose="x" * 150_000) + b"x" + END,
        BATCH.replace(b"a.jsonl", b"a" * 100_000) + b"x" + END,
        BATCH.replace(b'; filename="a.jsonl"', b"") + b"x" + END,
        BATCH.replace(b'"\r\n\r\n', b'"\r\n\xff: \0\r\n\r\n') + END,
    ],
)  # fmt: skip
def test_odd_forms_are_refused_by_name(port: int, upload: bytes) -> None:
    heard = say(port, FILES + sized(upload))
    assert heard.statuses in ([400], [422]) and heard.error["message"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # starlette leaves its file unclosed
@pytest.mark.parametrize("rest", [b"x" * 5000, b"x\r\n--Bgarbage"])
def test_a_form_that_breaks_off_is_refused(port: int, rest: bytes) -> None:
    heard = say(port, FILES + sized(BATCH + rest))
    refused(heard, 422, "invalid_value")
    gc.collect()


NAMES = [b"a\0.jsonl", b"\xff\xfe.jsonl", b"../../../etc/passwd", b"", b".", b"a/..", b"con\\x", b"a" * 1000, b"a\nb"]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_uploads_are_names_only(port: int, name: bytes) -> None:
    heard = say(port, FILES + sized(BATCH.replace(b"a.jsonl", name) + b'{"text": "x"}' + END))
    assert heard.statuses in ([200], [400], [422]), heard.raw


# connections that say nothing, or go away
