"""Workers as Ray actors: an actor that is killed, and a driver that is killed with all its actors."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.system.scans.helper import (
    Line,
    Watch,
    assert_each_row_once,
    assert_same_results,
    begun,
    environment,
    kill,
    queued,
    results,
    until,
)

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install 'memprobe[ray]'"
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A home whose path is short: Ray's sockets lie below it, and a socket's path has room for 107 bytes."""
    made = Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))
    yield made
    shutil.rmtree(made)


@contextmanager
def driver(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs `memprobe worker` on a Ray of its own; all processes of it are ended with the block."""
    own = environment(folder, HOME=str(folder), RAY_TMPDIR=str(folder), RAY_USAGE_STATS_ENABLED="0")
    with begun(folder / "driver.log", own, "worker", "--ray", "local", "--actors", "1", "--once") as process:
        try:
            yield process
        finally:
            process.kill()
            ended = until(lambda: not _end(process.pid), 60, every=0.2)
            assert ended, f"processes of session {process.pid} cannot be ended"


def _end(session: int) -> list[int]:
    found = members(session)
    for pid in found:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return found


def members(session: int) -> list[int]:
    """Returns the processes that a driver began, itself among them, by the session that they share."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, of, *_ = (place / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:  # it ended meanwhile
            continue
        if int(of) == session and state != "Z":
            found.append(int(place.name))
    return found


def actors(session: int) -> list[int]:
    """Returns the actors that are up and at work: Ray names a process after what it runs."""
    found = []
    for pid in members(session):
        try:
            named = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if named.startswith(b"ray::Actor.work"):
            found.append(pid)
    return found


def queue(folder: Path, source: Path) -> str:
    return queued(f"sqlite:///{folder / 'scans.sqlite'}", folder / "store", source)


def assert_whole(folder: Path, batch: str, undisturbed: list[Line]) -> None:
    output, errors = results(folder / "store" / "scans" / batch)
    assert_each_row_once(output, errors, len(undisturbed))
    assert_same_results(output, undisturbed)


def said(folder: Path) -> str:
    return (folder / "driver.log").read_text()[-3000:]


def test_an_actor_that_is_killed_is_started_again_and_the_scan_completes(
    texts: Path, undisturbed: list[Line], kills: int, folder: Path
) -> None:
    dice, watch = random.Random(5), Watch.of_file(folder / "scans.sqlite")
    for _ in range((kills + 1) // 2):
        batch = queue(folder, texts)
        with driver(folder) as process:
            after = dice.uniform(1, 0.9 * len(undisturbed))
            assert until(lambda: watch.look().done >= after or process.poll() is not None, every=0.02)  # noqa: B023
            (actor,) = actors(process.pid)
            os.kill(actor, signal.SIGKILL)
            assert until(lambda: process.poll() is not None), (watch.look(), said(folder))
            assert process.returncode == 0, said(folder)
            assert "An actor died" in said(folder)
        look = watch.look()
        assert look.status == "completed" and look.again <= 1, look
        assert_whole(folder, batch, undisturbed)


def test_a_driver_that_is_killed_takes_its_actors_along_and_the_next_one_goes_on(
    texts: Path, undisturbed: list[Line], kills: int, folder: Path
) -> None:
    dice, watch = random.Random(6), Watch.of_file(folder / "scans.sqlite")
    for _ in range(kills // 2):
        batch = queue(folder, texts)
        with driver(folder) as process:
            after = dice.uniform(1, 0.5 * len(undisturbed))  # an actor goes on for a second or two
            assert until(lambda: watch.look().done >= after or process.poll() is not None, every=0.02)  # noqa: B023
            assert kill(process), said(folder)
            assert until(lambda: not actors(process.pid), 60), "an actor outlives its driver"
        with driver(folder) as process:
            assert until(lambda: process.poll() is not None), (watch.look(), said(folder))
            assert process.returncode == 0, said(folder)
        look = watch.look()
        assert look.status == "completed" and look.again <= 1, look
        assert_whole(folder, batch, undisturbed)


def test_what_no_actor_can_open_is_said_once_and_ends_the_driver(folder: Path) -> None:
    own = environment(folder, HOME=str(folder), RAY_TMPDIR=str(folder), RAY_USAGE_STATS_ENABLED="0")
    command = ("worker", "--ray", "local", "--actors", "1", "--once", "--calibration", "nope")
    with begun(folder / "driver.log", own, *command) as process:
        assert until(lambda: process.poll() is not None, 120), said(folder)
        assert process.returncode == 2 and "No calibration named nope" in said(folder), said(folder)
        assert "An actor died" not in said(folder)
