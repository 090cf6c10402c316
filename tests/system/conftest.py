"""Real processes: the service on a free port of the loopback, and the memprobe command."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.error import URLError
from urllib.request import urlopen

import pytest


@dataclass(frozen=True)
class Running:
    """log: what the service writes to stdout and stderr; a pipe that nobody reads would stop it."""

    base: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(home: Path, *options: str, **environment: str) -> Iterator[Running]:
    """Runs `memprobe serve` until the block ends."""
    port = free_port()
    with NamedTemporaryFile(prefix="serve", suffix=".log") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "probe", "serve", "--port", str(port), *options],
            env={**os.environ, "MEMPROBE_HOME": str(home), **environment}, stdout=log, stderr=log,
        )  # fmt: skip
        base = f"http://127.0.0.1:{port}"
        try:
            _await(process, base, Path(log.name))
            yield Running(base, port, process, Path(log.name))
        finally:
            process.terminate()
            try:
                process.wait(30)
            finally:
                process.kill()


def _await(process: subprocess.Popen[bytes], base: str, log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError(log.read_text())
        try:
            urlopen(f"{base}/readyz", timeout=1).close()
            return
        except (URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError("not ready within a minute")


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with started(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="session")
def memprobe(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command with a home of its own."""
    home = tmp_path_factory.mktemp("home")

    def run(*arguments: str, stdin: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "probe", *arguments], capture_output=True, text=True, timeout=300, input=stdin,
            env={**os.environ, "MEMPROBE_HOME": str(home), "COLUMNS": "200", **environment}, check=False,
        )  # fmt: skip

    return run


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The scans' kills take minutes and a database: `make test-system` runs them, whose option only they know."""
    return True if collection_path.name == "scans" and config.getoption("--kills", None) is None else None
