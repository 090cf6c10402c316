"""Options that govern the length of these tests, a service, a PostgreSQL that can be stopped, a scan left in peace."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.system.conftest import Running, free_port, started
from tests.system.scans.api import Api
from tests.system.scans.helper import QUIET, Line, lines, numbered, scan, write_jsonl


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=3, help="how often workers are killed, for each back end")
    parser.addoption("--rows", type=int, default=300, help="rows of the batches that the OpenAI client runs")


@pytest.fixture(scope="session")
def kills(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--kills", 3))  # the option is unknown where pytest begins in another folder


@pytest.fixture(scope="session")
def rows(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--rows", 300))


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory, kills: int) -> Path:
    """Rows enough that there is a moment to kill at: a few seconds of work, more where many kills are asked for."""
    return write_jsonl(tmp_path_factory.mktemp("texts") / "texts.jsonl", numbered(1500 if kills > 3 else 600))


@pytest.fixture(scope="session")
def undisturbed(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Line]:
    """What a scan of the texts says that nobody kills."""
    out = tmp_path_factory.mktemp("undisturbed")
    done = scan(texts, out / "out", out)
    assert done.returncode == 0, done.stderr
    return lines(out / "out" / "output.jsonl")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The service's."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def running(home: Path) -> Iterator[Running]:
    """A service for tests that leave it alive; its worker looks every five seconds whether its task is its own."""
    with started(home, **QUIET | {"MEMPROBE_LEASE_SECONDS": "20"}) as service:
        yield service


@pytest.fixture(scope="session")
def api(running: Running) -> Api:
    return Api(running.port)


class Postgres:
    """A server of its own on the loopback, run by the user postgres where we are root: it refuses root."""

    def __init__(self, programs: Path) -> None:
        self._programs, self._folder = programs, Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
        self.port = free_port()
        self._as: dict[str, Any] = {"cwd": self._folder, "stdin": subprocess.DEVNULL}
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres", "postgres")
            self._as |= {"user": "postgres", "group": "postgres", "extra_groups": []}
        self._data = self._folder / "data"
        self._run("initdb", "-D", str(self._data), "-A", "trust", "-U", "memprobe", "-E", "UTF8", "--no-sync")
        self.start()

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder}"
        self._run("pg_ctl", "-D", str(self._data), "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        """As a crash: connections are cut, and the next start recovers."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "-m", "immediate", "stop")

    def database(self) -> str:
        """Makes an empty database; returns its URL."""
        name = f"d{uuid4().hex}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "memprobe", name)
        return f"postgresql+psycopg://memprobe@127.0.0.1:{self.port}/{name}"

    def end(self) -> None:
        try:
            self.stop()
        finally:
            shutil.rmtree(self._folder)

    def _run(self, program: str, *arguments: str) -> None:
        with tempfile.TemporaryFile("w+") as said:  # a pipe would stay open as long as the server runs
            done = subprocess.run(
                [self._programs / program, *arguments], stdout=said, stderr=subprocess.STDOUT, check=False, timeout=120,
                **self._as,
            )  # fmt: skip
            said.seek(0)
            assert done.returncode == 0, f"{program}: {said.read()}"


def _programs() -> Path | None:
    """Returns the folder of the server's programs, the newest version's."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")]
    if found:
        return max(found, key=lambda path: int(path.parent.name))
    named = shutil.which("pg_ctl")
    return Path(named).resolve().parent if named else None


def _installed() -> Path:
    if programs := _programs():
        return programs
    if os.geteuid() or not shutil.which("apt-get"):
        pytest.skip("there is no PostgreSQL here, and no way to install one")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        ["apt-get", "install", "-y", "postgresql"], capture_output=True, text=True, check=False, env=environment
    )
    programs = _programs()
    if programs is None:
        pytest.skip(f"there is no PostgreSQL here, and apt-get install postgresql fails: {done.stderr[-300:]}")
    return programs


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("psycopg is not installed: pip install 'memprobe[postgres]'")
    server = Postgres(_installed())
    try:
        yield server
    finally:
        server.end()
