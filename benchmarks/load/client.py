"""Clients in a process of their own, by bare asyncio, so that they take little of the processors: one connection each,
kept open, one request after the other.

python -m benchmarks.load.client PLAN: JSON of a plan; what came of it as JSON on stdout.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.load.requests import Asked, requests

_LEAST_FILES = 4096


@dataclass
class Plan:
    """count: requests, drawn by seed. seconds: for how long they are asked over and over; None: each once. together:
    every client sends at the same moment, once.
    """

    port: int
    clients: int
    count: int
    model: str = "demo"
    seed: int = 0
    seconds: float | None = None
    together: bool = False


@dataclass
class Came:
    """waits: seconds by size, of those that were served. statuses: how often which; "dropped" for no answer. faults:
    answers that lack a result or hold an error, and refusals without Retry-After. processor: seconds of it.
    """

    waits: dict[str, list[float]] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0
    processor: float = 0.0


def run(plan: Plan, patience: float = 900) -> Came:
    """Runs the clients to the end of their plan."""
    with start(plan) as process:
        told, _ = process.communicate(timeout=patience)
    return heard(process, told)


def start(plan: Plan) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.load.client", json.dumps(asdict(plan))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


def heard(process: subprocess.Popen[str], told: str) -> Came:
    """Raises RuntimeError where the clients failed themselves."""
    if process.returncode:
        raise RuntimeError(f"The clients ended with {process.returncode}.")
    return Came(**json.loads(told))


class _Clients:
    def __init__(self, plan: Plan) -> None:
        self._plan, self.came, self._statuses = plan, Came(), Counter[str]()
        self._asked = requests(plan.count, plan.seed)
        self._bodies = [self._bytes(one.body(plan.model)) for one in self._asked]
        self._next, self._gate = 0, asyncio.Event()

    async def all(self) -> Came:
        began, plan = time.monotonic(), self._plan
        end = None if plan.seconds is None else began + plan.seconds
        tasks = [asyncio.create_task(self._client(end)) for _ in range(plan.clients)]
        if plan.together:
            await asyncio.sleep(2 + plan.clients / 500)  # all are connected by then
            began = time.monotonic()
        self._gate.set()
        await asyncio.gather(*tasks)
        used = resource.getrusage(resource.RUSAGE_SELF)
        self.came.seconds, self.came.processor = time.monotonic() - began, used.ru_utime + used.ru_stime
        self.came.statuses = dict(self._statuses)
        return self.came

    async def _client(self, end: float | None) -> None:
        reader: asyncio.StreamReader | None = None
        writer: asyncio.StreamWriter | None = None
        while (place := self._take(end)) is not None:
            try:
                if writer is None or reader is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", self._plan.port, limit=1 << 24)
                await self._gate.wait()
                begin = time.monotonic()
                writer.write(self._bodies[place])
                status, headers, body = await _answer(reader)
            except (OSError, EOFError, ValueError) as error:
                self._statuses["dropped"] += 1
                self.came.faults.append(type(error).__name__)
                reader = writer = None
                continue
            self._note(self._asked[place], status, headers, body, time.monotonic() - begin)
            if headers.get(b"connection") == b"close":
                writer.close()
                reader = writer = None
        if writer is not None:
            writer.close()

    def _take(self, end: float | None) -> int | None:
        """Returns the number of the next request, None where there is none or it is over."""
        if (end is None and self._next >= len(self._bodies)) or (end is not None and time.monotonic() >= end):
            return None
        self._next += 1
        return (self._next - 1) % len(self._bodies)

    def _note(self, asked: Asked, status: int, headers: dict[bytes, bytes], body: bytes, waited: float) -> None:
        self._statuses[str(status)] += 1
        if status == 200:
            self.came.waits.setdefault(asked.size, []).append(waited)
            if body.count(b'"verdict":"') != len(asked.texts):
                self.came.faults.append(f"{body.count(b'verdict')} verdicts of {len(asked.texts)} texts")
        elif status == 429 and not headers.get(b"retry-after", b"").isdigit():
            self.came.faults.append("429 without Retry-After")

    @staticmethod
    def _bytes(body: bytes) -> bytes:
        head = b"POST /v1/probe HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[bytes, bytes], bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")[:-2]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
    body = await reader.readexactly(int(headers.get(b"content-length", b"0")))
    return int(first.split()[1]), headers, body


def main(plan: dict[str, Any]) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, _LEAST_FILES)), hard))
    print(json.dumps(asdict(asyncio.run(_Clients(Plan(**plan)).all()))))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
