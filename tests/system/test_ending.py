"""SIGTERM to a real service: what is open is answered, what is held is handed back, and what hangs is left."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import httpx2
import pytest

from tests.documents.readers import LONG, readers
from tests.models.test_remote import Server
from tests.serving import servers
from tests.system.conftest import Running, started
from tests.system.raw import Raw, request
from tests.system.scans.api import Api
from tests.system.scans.helper import Watch, begun, environment, numbered, until, write_jsonl
from tests.system.test_connections import ASKED, figure, lines, long_request

ENDED = (0, -signal.SIGTERM, 128 + signal.SIGTERM)
ROOM = {"MEMPROBE_CACHE_BYTES": "0", "MEMPROBE_MAX_REQUEST_TOKENS": "10000000"}


def refused(running: Running) -> bool:
    try:
        socket.create_connection(("127.0.0.1", running.port), 1).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def ended(running: Running) -> bool:
    return until(lambda: running.process.poll() is not None)


def events(running: Running, batch: str) -> list[str]:
    """Returns the names of a batch's events, until the stream ends."""
    with urlopen(f"{running.base}/v1/batches/{batch}/events", timeout=120) as stream:
        return [line.decode().split()[1] for line in stream if line.startswith(b"event:")]


def test_open_requests_are_answered_and_the_scans_task_is_another_workers_at_once(tmp_path: Path) -> None:
    rows = 1500
    source, log = write_jsonl(tmp_path / "rows.jsonl", numbered(rows)), tmp_path / "worker.log"
    watch = Watch.of_file(tmp_path / "scans.sqlite")
    with started(tmp_path, **ROOM, MEMPROBE_GRACE_SECONDS="200") as running, ThreadPoolExecutor(2) as pool:
        api, process = Api(running.port), running.process
        batch = str(api.batch(api.upload(source), scores="loss")["id"])
        stream = pool.submit(events, running, batch)
        with Raw(running.port) as client:
            client.socket.settimeout(200)
            client.send(long_request(texts=24))
            assert until(lambda: figure(running, "memprobe_queue_requests") == 1)
            assert until(lambda: process.pid in watch.holders() and watch.look().rows == rows), watch.look()
            process.send_signal(signal.SIGTERM)
            assert until(lambda: refused(running))
            told = stream.result(60)
            assert told[-1] == "ending" and "done" not in told
            assert until(lambda: process.pid not in watch.holders())
            assert process.poll() is None, "the request is still open"
            with begun(log, environment(tmp_path), "worker", "--once") as worker:
                assert until(lambda: watch.look().done > 0 or worker.poll() is not None), log.read_text()
                status, answer = client.answer()
                assert status == 200 and all(one["error"] is None for one in answer["results"])
                assert ended(running) and process.returncode in ENDED
                assert until(watch.over), log.read_text()
        look = watch.look()
        assert (look.status, look.done, look.again) == ("completed", rows, 0), look
        assert not [line for line in lines(running) if line["level"] == "error"]


def test_what_does_not_end_within_the_grace_is_told_so(tmp_path: Path) -> None:
    with started(tmp_path, **ROOM, MEMPROBE_GRACE_SECONDS="1") as running:
        texts = [row["text"] for row in numbered(20_000)]
        made = Api(running.port).post("calibrations", {"name": "mine", "model": "demo", "nonmembers": texts})
        assert until(lambda: Api(running.port).get("calibrations/mine")["progress"]["done"] > 0)
        with Raw(running.port) as client, Raw(running.port) as idle:
            client.send(long_request())
            assert until(lambda: figure(running, "memprobe_queue_requests") == 1)
            idle.send(request("/healthz"))
            assert idle.answer()[0] == 200
            running.process.send_signal(signal.SIGTERM)
            status, told = client.answer()
            assert (status, told["error"]["code"]) == (503, "service_ending")
            assert idle.rest() == b""
        assert ended(running) and running.process.returncode in ENDED
        said = [line["message"] for line in lines(running) if line["level"] == "warning"]
        assert [message for message in said if made["job"] in message and "cancelled" in message], said
        assert not (tmp_path / "calibrations" / "mine.npz").exists()
        assert not [line for line in lines(running) if "left behind" in line["message"]]


def test_documents_that_are_being_read_hold_up_no_end(tmp_path: Path) -> None:
    with started(tmp_path, **ROOM, MEMPROBE_GRACE_SECONDS="1") as running, ThreadPoolExecutor(3) as pool:
        sent = [pool.submit(_document, running) for _ in range(3)]
        assert until(lambda: readers(running.process.pid))
        reading = readers(running.process.pid)
        running.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert ended(running) and running.process.returncode in ENDED
        assert time.monotonic() - began < 8 and not any(Path(f"/proc/{one}").exists() for one in reading)
        assert {one.result().json()["error"]["code"] for one in sent} == {"service_ending"}
        assert not [line for line in lines(running) if "left behind" in line["message"]]


def test_a_job_that_is_nearly_done_is_finished(tmp_path: Path) -> None:
    with started(tmp_path, **ROOM, MEMPROBE_GRACE_SECONDS="200") as running:
        texts = [row["text"] for row in numbered(2500)]
        Api(running.port).post("calibrations", {"name": "mine", "model": "demo", "nonmembers": texts})
        assert until(lambda: Api(running.port).get("calibrations/mine")["progress"]["done"] > 0)
        running.process.send_signal(signal.SIGTERM)
        assert ended(running) and running.process.returncode in ENDED
        assert (tmp_path / "calibrations" / "mine.npz").exists()
        assert not [line for line in lines(running) if "cancelled" in line["message"]]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_thread_that_hangs_keeps_no_process_alive(
    tmp_path: Path, make_model: Callable[[str], Path], number: int
) -> None:
    """The target is a server that stops to answer: its time-out alone is two minutes, four times."""
    with servers() as start:
        server = Server(make_model("llama"), "pooling")
        options = {"MEMPROBE_GRACE_SECONDS": "1", "MEMPROBE_REQUEST_SECONDS": "2", **ROOM}
        with started(tmp_path, "--target", start(server.app).address, "--name", "demo", **options) as running:
            server.lock.acquire()
            try:
                with Raw(running.port) as client:
                    client.send(request("/v1/probe", ASKED.encode()))
                    status, told = client.answer()
                    assert (status, told["error"]["code"]) == (504, "request_timeout")
                assert until(lambda: _unready(running) == "failing")
                running.process.send_signal(number)
                assert ended(running)
                assert [line for line in lines(running) if "left behind" in line["message"]]
            finally:
                server.lock.release()


def _document(running: Running) -> Any:
    """Sends one that takes the better part of a minute to read."""
    return httpx2.post(
        f"{running.base}/v1/documents", files={"file": ("a.html", 5 * LONG)}, data={"model": "demo"}, timeout=120
    )


def _unready(running: Running) -> Any:
    with Raw(running.port) as client:
        client.send(request("/readyz"))
        return client.answer()[1]["status"]
