"""A service on the loopback, as a process of its own, and what it takes of the machine's memory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.system.conftest import free_port
from tests.system.scans.helper import ready, until

_EVERY = 1.0  # seconds between two looks at its memory


@dataclass(frozen=True)
class Running:
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def alive(self) -> bool:
        return self.process.poll() is None and ready(self.port)


@contextmanager
def service(home: Path, **more: str) -> Iterator[Running]:
    """Runs `memprobe serve` on the embedded pair, with nothing cached, until the block ends. Raises RuntimeError."""
    port, log = free_port(), home / "serve.log"
    environment = {**os.environ, "MEMPROBE_HOME": str(home), "MEMPROBE_CACHE_BYTES": "0", **more}
    command = [sys.executable, "-m", "probe", "serve", "--port", str(port)]
    with log.open("ab") as said:
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
    try:
        if not until(lambda: ready(port), 120):
            raise RuntimeError(f"The service does not begin: {log.read_text()[-2000:]}")
        yield Running(port, process, log)
    finally:
        process.terminate()
        try:
            process.wait(30)
        finally:
            process.kill()


@dataclass
class Memory:
    """Resident memory of a process, MB, and when that was, as long as the block runs."""

    pid: int
    seen: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def between(self, begin: float, end: float) -> list[float]:
        """Returns what was seen between two shares of the time."""
        first, last = self.seen[0][0], self.seen[-1][0]
        return [size for when, size in self.seen if begin <= (when - first) / max(last - first, 1e-9) <= end]

    def _look(self) -> None:
        while not self._over.wait(_EVERY):
            self.seen.append((time.monotonic(), resident(self.pid)))


def resident(pid: int) -> float:
    """Returns MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024
