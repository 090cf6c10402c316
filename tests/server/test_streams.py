"""Streams of events are held open by their clients: an owner has so many, and what ends leaves room."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from probe.access.keys import KeyRing
from probe.config import Settings
from probe.pipeline import Probe
from server.app import create_app
from server.service import MOST_STREAMS
from tests.serving import servers

Ask = Callable[[str], httpx2.Client]


@pytest.fixture
def ask(demo: Probe, tmp_path: Path) -> Iterator[Ask]:
    """Gives clients by the name of their key."""
    ring = KeyRing(tmp_path / "keys.json")
    tokens = {name: ring.add(name, ["scan"])[1] for name in ("alice", "bob")}
    with servers() as start, ExitStack() as stack:
        port = start(create_app(Settings(home=tmp_path, scan_workers=0), lambda _: {"demo": demo})).port

        def client(name: str) -> httpx2.Client:
            headers = {"Authorization": f"Bearer {tokens[name]}"}
            return stack.enter_context(httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30))

        yield client


def paused(client: httpx2.Client) -> str:
    """Returns the path of the events of a batch that nobody works on."""
    row = json.dumps({"text": "The value is returned as it stands."}).encode()
    file = client.post("/v1/files", files={"file": ("a.jsonl", row)}, data={"purpose": "batch"}).json()["id"]
    body = {"input_file_id": file, "endpoint": "/v1/probe", "completion_window": "24h"}
    batch = client.post("/v1/batches", json=body).json()["id"]
    assert client.post(f"/v1/batches/{batch}/pause").status_code == 200
    return f"/v1/batches/{batch}/events"


def status(client: httpx2.Client, path: str) -> int:
    """Opens a stream and leaves it."""
    with client.stream("GET", path) as answer:
        return answer.status_code


def test_an_owner_has_so_many_streams_and_others_have_theirs(ask: Ask) -> None:
    alice, bob = ask("alice"), ask("bob")
    path, his = paused(alice), paused(bob)
    with ExitStack() as streams:
        told = []  # a client closes what it no longer reads
        for _ in range(MOST_STREAMS):
            answer = streams.enter_context(alice.stream("GET", path))
            told.append(answer.iter_text())
            assert answer.status_code == 200 and "progress" in next(told[-1])
        refused = alice.get(path)
        error = refused.json()["error"]
        assert refused.status_code == 429 and int(refused.headers["retry-after"]) > 0
        assert error["type"] == "rate_limit_error" and "poll GET /v1/batches/ID" in error["message"]
        assert status(bob, his) == 200
        assert alice.get(path.removesuffix("/events")).status_code == 200
    for _ in range(100):
        if (found := status(alice, path)) == 200:
            break
        time.sleep(0.1)
    assert found == 200


def test_a_stream_that_is_refused_or_over_takes_no_place(ask: Ask) -> None:
    alice = ask("alice")
    for _ in range(MOST_STREAMS + 1):
        assert alice.get("/v1/batches/none/events").status_code == 404
    path = paused(alice)
    with ExitStack() as streams:
        told = [streams.enter_context(alice.stream("GET", path)).iter_text() for _ in range(MOST_STREAMS)]
        assert all("progress" in next(one) for one in told)
        assert alice.delete(path.removesuffix("/events")).status_code == 200
        assert all("deleted" in "".join(one) for one in told)
        assert status(alice, paused(alice)) == 200
