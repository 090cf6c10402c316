"""Clients that are slow, greedy, many or gone, on real sockets: what they get, and that others are served meanwhile."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.system.conftest import Running, started
from tests.system.raw import Raw, request
from tests.system.scans.api import Api
from tests.system.scans.helper import until

LIMITS = {
    "MEMPROBE_HEADER_SECONDS": "1", "MEMPROBE_HEADER_BYTES": "4096", "MEMPROBE_BODY_SECONDS": "1",
    "MEMPROBE_BODY_RATE": "100000", "MEMPROBE_KEEP_ALIVE_SECONDS": "1", "MEMPROBE_CONNECTIONS": "12",
    "MEMPROBE_MAX_BODY_BYTES": "20000000", "MEMPROBE_MAX_REQUEST_TOKENS": "10000000", "MEMPROBE_CACHE_BYTES": "0",
}  # fmt: skip
ASKED = json.dumps({"model": "demo", "input": "A sentence that is as long as a sentence needs to be, and no longer."})
ALIVE = request("/healthz")


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with started(tmp_path_factory.mktemp("home"), **LIMITS) as running:
        yield running
        assert '"level": "error"' not in running.log.read_text(), running.log.read_text()


def long_request(texts: int = 64) -> bytes:
    """A request that keeps the models busy for ten seconds or more: texts of some 5,000 tokens."""
    words = " ".join(f"option {i} must be given before line {i * 7} is read" for i in range(300))
    return request("/v1/probe", json.dumps({"model": "demo", "input": [f"{i} {words}" for i in range(texts)]}).encode())


def figure(running: Running, name: str, **labels: str) -> float:
    with urlopen(f"{running.base}/metrics", timeout=60) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return sum(
            s.value
            for family in families
            for s in family.samples
            if s.name == name and labels.items() <= s.labels.items()
        )


def lines(running: Running) -> list[dict[str, Any]]:
    return [json.loads(line) for line in running.log.read_text().splitlines()]


def test_headers_that_drip_are_given_up_and_others_are_served(strict: Running) -> None:
    with Raw(strict.port) as slow:
        slow.send(b"GET /healthz HTTP/1.1\r\n")
        assert not slow.drip(b"X-Slow: " + b"a" * 600, 0.1)
        with Raw(strict.port) as other:
            other.send(ALIVE)
            assert other.answer() == (200, {"status": "ok"})
        status, told = slow.answer()
        assert (status, told["error"]["code"]) == (408, "header_timeout") and "1 seconds" in told["error"]["message"]
        assert slow.rest() == b""


def test_a_connection_that_asks_nothing_is_closed_without_a_word(strict: Running) -> None:
    with Raw(strict.port) as silent:
        assert silent.rest() == b""


def test_headers_of_a_second_request_have_a_time_too(strict: Running) -> None:
    with Raw(strict.port) as slow:
        slow.send(ALIVE)
        assert slow.answer()[0] == 200
        assert not slow.drip(b"GET /healthz HTTP/1.1\r\nX-Slow: " + b"a" * 600, 0.1)
        assert slow.answer()[0] == 408
    with Raw(strict.port) as idle:
        idle.send(ALIVE)
        assert idle.answer()[0] == 200
        assert idle.rest() == b""  # keep-alive is over


def test_requests_in_one_packet_are_answered_one_after_the_other(strict: Running) -> None:
    with Raw(strict.port) as piped:
        piped.send(ALIVE + request("/v1/probe", ASKED.encode()) + ALIVE)
        first = piped.answer()
        assert first == (200, {"status": "ok"})
        rest = piped.rest()
        assert rest.count(b"HTTP/1.1 200 OK") == 2 and rest.endswith(b'{"status":"ok"}')


@pytest.mark.parametrize("sent", [b"", b'{"model":'])
def test_a_body_that_stops_is_given_up(strict: Running, sent: bytes) -> None:
    before = figure(strict, "memprobe_requests_total", status="499")
    with Raw(strict.port) as slow:
        slow.send(request("/v1/probe", sent, length=5000))
        status, told = slow.answer()
        assert (status, told["error"]["code"]) == (408, "body_timeout")
        assert slow.rest() == b""
    assert until(lambda: figure(strict, "memprobe_requests_total", status="499") == before + 1)


def test_a_body_that_comes_slowly_but_at_the_rate_is_read(tmp_path: Path) -> None:
    """Four seconds for two of patience: what came bought the others."""
    limits = {"MEMPROBE_BODY_SECONDS": "2", "MEMPROBE_BODY_RATE": "20"}
    with started(tmp_path, **LIMITS | limits) as running, Raw(running.port) as slow:
        slow.send(request("/v1/probe", b"", length=len(ASKED) + 30))
        slow.socket.settimeout(1)
        for begin in range(0, len(ASKED), 30):
            slow.send(ASKED[begin : begin + 30].encode())
            with pytest.raises(TimeoutError):
                slow.socket.recv(1)
        slow.socket.settimeout(60)
        slow.send(b" " * 30)
        assert slow.answer()[0] == 200


@pytest.mark.parametrize(
    "greedy",
    [
        request("/healthz", None, "X-Large: " + "a" * 100_000),
        request("/healthz", None, "X-Larger: " + "a" * 4_300),
        request("/healthz", None, *(f"X-{i}: {'a' * 90}" for i in range(1000))),
        request("/healthz?" + "a" * 100_000),
        b"GET /healthz HTTP/1.1\r\nX-Endless: " + b"a" * 1_000_000,
    ],
    ids=["one", "just", "many", "line", "endless"],
)
def test_headers_that_are_too_large_are_refused_readably(strict: Running, greedy: bytes) -> None:
    with Raw(strict.port) as client:
        client.send(greedy)
        status, told = client.answer()
        assert (status, told["error"]["code"]) == (431, "headers_too_large")
        assert "4,096 bytes" in told["error"]["message"] and client.rest() == b""


@pytest.mark.parametrize(
    "nonsense", [b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"nothing\r\n\r\n", b"GET /\xff HTTP/9\r\n\r\n"]
)
def test_what_is_no_http_is_refused(strict: Running, nonsense: bytes) -> None:
    with Raw(strict.port) as client:
        client.send(nonsense)
        status, told = client.answer()
        assert (status, told["error"]["code"]) == (400, "invalid_http") and client.rest() == b""


def test_who_is_refused_before_his_body_was_read_can_read_why(strict: Running) -> None:
    with Raw(strict.port) as client:
        client.send(request("/v1/probe", b"x" * 200_000, length=30_000_000))
        status, told = client.answer()
        assert (status, told["error"]["code"]) == (413, "body_too_large")
        client.send(b"x" * 200_000)  # taken, and thrown away
        assert client.rest() == b""


def test_clients_that_reset_their_connection_leave_no_error_behind(strict: Running) -> None:
    """While they are refused, while they wait, while they are answered; the log is looked at in the end."""
    asked = request("/v1/probe", ASKED.encode())
    for sent in (request("/v1/probe", b"x" * 1000, length=30_000_000), asked, ALIVE * 20, b"nothing\r\n\r\n"):
        for _ in range(10):
            with Raw(strict.port) as client:
                client.send(sent)
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert until(lambda: _served(strict))


def test_connections_beyond_the_limit_are_told_to_come_back(strict: Running) -> None:
    assert until(lambda: _served(strict))
    held = [Raw(strict.port) for _ in range(12)]
    try:
        for one in held:
            one.send(b"GET /healthz HTTP/1.1\r\n")
        found = []
        for _ in range(6):
            with Raw(strict.port) as client:
                client.send(request("/v1/probe", b"", "Expect: nothing", length=len(ASKED)))
                client.send(ASKED.encode())
                found.append(client.answer())
        refused = [told for status, told in found if status == 429]
        assert {status for status, _ in found} <= {200, 429} and len(refused) >= 4
        assert {told["error"]["code"] for told in refused} == {"too_many_connections"}
    finally:
        for one in held:
            one.socket.close()
    assert until(lambda: _served(strict))


def _served(running: Running) -> bool:
    with Raw(running.port) as client:
        client.send(request("/v1/probe", ASKED.encode()))
        return client.answer()[0] == 200


def test_an_answer_that_nobody_takes_is_given_up(strict: Running, tmp_path: Path) -> None:
    size = 30_000_000
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"x" * size)
    name = Api(strict.port).upload(path)
    with Raw(strict.port, window=4096) as client:
        client.send(request(f"/v1/files/{name}/content"))
        assert client.socket.recv(1) == b"H"
        asked = '"route": "/v1/files/{name}/content", "status": 200'
        assert until(lambda: asked in strict.log.read_text())  # the service is done with it
        assert len(client.rest()) < size
    Api(strict.port).delete(f"files/{name}")


def test_a_client_that_goes_away_ends_its_pass_and_leaves_the_queue(strict: Running) -> None:
    tokens = figure(strict, "memprobe_tokens_total", work="request")
    body = long_request()
    with Raw(strict.port) as busy, Raw(strict.port) as waiting:
        busy.send(body)
        assert until(lambda: figure(strict, "memprobe_queue_requests") == 1)
        waiting.send(body)
        assert until(lambda: figure(strict, "memprobe_queue_requests") == 2)
    assert until(lambda: figure(strict, "memprobe_queue_requests") == 0)
    with Raw(strict.port) as client:
        client.send(request("/v1/probe", ASKED.encode()))
        assert client.answer()[0] == 200
    assert figure(strict, "memprobe_tokens_total", work="request") - tokens < 1000  # of all three
    gone = [line for line in lines(strict) if line.get("status") == 499 and line["route"] == "/v1/probe"]
    assert len(gone) >= 2


def test_a_request_that_takes_too_long_is_answered_with_what_to_change(tmp_path: Path) -> None:
    with started(tmp_path, **LIMITS | {"MEMPROBE_REQUEST_SECONDS": "2"}) as running:
        with Raw(running.port) as client:
            client.send(long_request())
            status, told = client.answer()
            assert (status, told["error"]["code"]) == (504, "request_timeout")
            assert "MEMPROBE_REQUEST_SECONDS" in told["error"]["message"]
        assert until(lambda: figure(running, "memprobe_queue_requests") == 0)
        assert until(lambda: _served(running))
        assert figure(running, "memprobe_tokens_total", work="request") < 1000


def test_a_client_that_only_listens_still_gets_its_answer(strict: Running) -> None:
    """Some clients end their side once they have asked; HTTP servers take them for gone, and so does this one."""
    with Raw(strict.port) as client:
        client.send(request("/v1/probe", ASKED.encode()))
        status, _ = client.answer()
        assert status == 200
        client.socket.shutdown(socket.SHUT_WR)
        assert client.rest() == b""
