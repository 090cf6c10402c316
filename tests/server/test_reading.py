"""Documents are read by few, for owners in turns, and for nobody who is gone."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock
from typing import Any
from urllib.request import urlopen

import httpx2
import pytest

from probe.config import Settings
from probe.errors import Busy
from probe.pipeline import Probe
from probe.wanted import still_wanted
from server.app import create_app
from server.work.reading import MOST_OWN, READERS, Reading
from tests.documents.readers import LONG, readers
from tests.serving import servers

FORM = {"model": "demo", "prefix": "12", "suffix": "12"}


class Desk:
    """Work that says who is at it, and ends when it may."""

    def __init__(self) -> None:
        self.at: list[str] = []
        self.most, self.served, self.may = 0, list[str](), Event()
        self.ends = ""  # whose work ends before all may
        self._lock = Lock()

    def work(self, owner: str) -> Callable[[], str]:
        def run() -> str:
            with self._lock:
                self.at.append(owner)
                self.served.append(owner)
                self.most = max(self.most, len(self.at))
                assert len(set(self.at)) == len(self.at), "two of one owner at once"
            try:
                while not self.may.wait(0.01) and owner != self.ends:
                    still_wanted()
            finally:
                self.at.remove(owner)
            return owner

        return run


async def _until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.01)


def test_owners_take_turns_and_one_who_sends_too_many_is_told() -> None:
    async def main() -> None:
        desk, reading = Desk(), Reading()
        owners = ["alice"] * MOST_OWN + ["bob", "carol"]
        tasks = [asyncio.create_task(reading.run(owner, desk.work(owner))) for owner in owners]
        await _until(lambda: len(desk.at) == READERS)
        with pytest.raises(Busy, match="documents of yours") as refused:
            await reading.run("alice", desk.work("alice"))
        assert refused.value.retry_after > 0
        desk.ends = "alice"  # one reader is free: of two, either could write first
        await _until(lambda: len(desk.served) > READERS)
        desk.may.set()
        assert await asyncio.gather(*tasks) == owners and desk.most == READERS
        assert set(desk.served[: READERS + 1]) == {"alice", "bob", "carol"}  # before alice's second
        assert await reading.run("alice", desk.work("alice")) == "alice" and reading.stop(5)

    asyncio.run(main())


def test_work_that_nobody_waits_for_ends_and_leaves_its_place() -> None:
    async def main() -> None:
        desk, reading = Desk(), Reading()
        tasks = [
            asyncio.create_task(reading.run(owner, desk.work(owner))) for owner in ("alice", "alice", "bob", "carol")
        ]
        await _until(lambda: len(desk.at) == READERS)
        for task in tasks[:3]:
            task.cancel()
        await _until(lambda: desk.at == ["carol"])
        desk.may.set()
        assert await tasks[3] == "carol" and desk.served.count("alice") == 1
        for owner in ("alice", "bob"):
            assert await reading.run(owner, desk.work(owner)) == owner

    asyncio.run(main())


def test_a_client_who_goes_takes_the_reader_along(demo: Probe, tmp_path: Path) -> None:
    with servers() as start:
        port = start(create_app(Settings(home=tmp_path, scan_workers=0), lambda _: {"demo": demo})).port
        request = httpx2.Request(
            "POST", f"http://127.0.0.1:{port}/v1/documents", files={"file": ("a.html", LONG)}, data=FORM
        )
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(f"POST /v1/documents HTTP/1.1\r\n{head}\r\n".encode() + request.read())
            assert _within(20, readers)
        assert _within(3, lambda: not readers())


def test_many_documents_of_one_owner_hold_up_nobody_else(demo: Probe, tmp_path: Path) -> None:
    with servers() as start, ThreadPoolExecutor(20) as clients:
        port = start(create_app(Settings(home=tmp_path, scan_workers=0), lambda _: {"demo": demo})).port
        sent = [clients.submit(_send, port, LONG[: len(LONG) // 4]) for _ in range(20)]
        assert _within(20, readers)
        most, began = 0, time.monotonic()
        for _ in range(5):
            most = max(most, len(readers()))
            with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
                assert answer.status == 200
        assert time.monotonic() - began < 10 and most <= 1
        answers = [one.result() for one in sent]
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(202) >= 1 and set(statuses) <= {202, 429}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert int(refused.headers["retry-after"]) > 0 and "of yours" in refused.json()["error"]["message"]


def _send(port: int, content: bytes) -> Any:
    url = f"http://127.0.0.1:{port}/v1/documents"
    return httpx2.post(url, files={"file": ("a.html", content)}, data=FORM, timeout=120)


def _within(seconds: float, true: Callable[[], object]) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.02)
    return False
