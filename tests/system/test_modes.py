"""What holds texts, scores, keys or calibrations is its owner's alone, under an umask that would open it to all."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from probe.config import Settings
from probe.data.private import make_folder
from probe.demo.locate import find, marks
from tests.system.conftest import free_port
from tests.system.scans import helper
from tests.system.scans.api import Api
from tests.system.scans.helper import begun, numbered, ready, until, write_jsonl

OPEN = ("sh", "-c", 'umask 000; exec "$@"', "sh")


def environment(home: Path) -> dict[str, str]:
    return helper.environment(home, MEMPROBE_CACHE_BYTES=str(1 << 26))


def command(home: Path, *arguments: str) -> None:
    words = [*OPEN, sys.executable, "-m", "probe", *arguments]
    done = subprocess.run(words, capture_output=True, text=True, env=environment(home), timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def modes(folder: Path) -> Iterator[tuple[str, int]]:
    """Yields name and mode of a folder and all that lies below it."""
    for path in (folder, *folder.rglob("*")):
        with suppress(FileNotFoundError):  # the service puts parts together meanwhile
            yield str(path.relative_to(folder.parent)), stat.S_IMODE(path.stat().st_mode)


def assert_private(folder: Path) -> set[str]:
    """Returns the names of what is there, and is its owner's alone."""
    found = dict(modes(folder))
    assert not {name: oct(mode) for name, mode in found.items() if mode & 0o077}
    return {Path(name).name for name in found}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("open") / "above" / "home"


@pytest.fixture(scope="module")
def api(home: Path) -> Iterator[tuple[Api, int, int]]:
    port, log = free_port(), home.parents[1] / "log"
    with begun(log, environment(home), "serve", "--port", str(port), through=OPEN) as process:
        assert until(lambda: ready(port) or process.poll() is not None), log.read_text()
        yield Api(port), port, process.pid


def test_of_a_service(api: tuple[Api, int, int], home: Path, tmp_path: Path) -> None:
    client, port, _ = api
    client.post("probe", {"model": "demo", "input": "The value is returned as it stands."})
    exported = client.raw("calibrations/demo/export")
    urlopen(Request(f"http://127.0.0.1:{port}/v1/calibrations/mine", exported, method="PUT"), timeout=60).close()
    batch = client.batch(client.upload(write_jsonl(tmp_path / "a.jsonl", numbered(600))))
    seen: set[str] = set()
    while client.get(f"batches/{batch['id']}")["status"] not in ("completed", "failed"):
        try:
            seen |= assert_private(home.parent)
        except FileNotFoundError:  # a part was moved to its place meanwhile
            continue
    names = seen | assert_private(home.parent)
    for name in "above home store files scans shards parts file.jsonl output.jsonl mine.npz".split():
        assert name in names, name
    for name in ("cache.sqlite", "scans.sqlite"):
        assert {name, f"{name}-wal", f"{name}-shm"} <= names


def test_of_an_upload_on_its_way(api: tuple[Api, int, int]) -> None:
    """What is too long for memory lies in a file without a name."""
    _, port, pid = api
    head = (
        "POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        "Content-Length: 90000000\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n'
    )
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(head.encode() + b"x" * (3 << 20))
        found: list[int] = []
        for _ in range(200):
            found = [mode for name, mode in _open_files(pid) if name.endswith("(deleted)") and "/proc" not in name]
            if found:
                break
            time.sleep(0.05)
        assert found and not [oct(mode) for mode in found if mode & 0o077]


def _open_files(pid: int) -> Iterator[tuple[str, int]]:
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found = entry.stat()
            if stat.S_ISREG(found.st_mode):
                yield str(entry.readlink()), stat.S_IMODE(found.st_mode)
        except OSError:  # it was closed meanwhile
            continue


def test_of_the_command_line(tmp_path: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    source = write_jsonl(tmp_path / "a.jsonl", numbered(70))
    command(home, "scan", str(source), "--out", str(out))
    assert {"output.jsonl", "summary.json", "scan.sqlite", "parts"} <= assert_private(out)
    command(home, "frequencies", str(source))
    known = [one for one in marks() if one.split == "calibration" and one.role == "nonmember"][:120]
    texts = write_jsonl(tmp_path / "known.jsonl", [{"text": text} for text in find(known).values()])
    command(home, "calibrate", "mine", "--nonmembers", str(texts), "--target", _asset("target"))
    assert {"cache.sqlite", "calibrations", "mine.npz", "frequencies"} <= assert_private(home)
    command(home, "bundle-key", "--out", str(tmp_path / "keys"))
    command(home, "canaries", "make", "--out", str(tmp_path / "canaries"), "--count", "2")
    for secret in (tmp_path / "keys" / "private.pem", tmp_path / "canaries" / "secret.json"):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def _asset(name: str) -> str:
    from tests.tiny import ASSETS

    return str(ASSETS / name)


def test_files_that_were_open_are_closed_and_folders_that_are_there_stay(tmp_path: Path) -> None:
    from probe.models.cache import Cache
    from probe.scans.opening import open_desk

    settings = Settings(home=tmp_path / "home")
    settings.home.mkdir()
    settings.home.chmod(0o755)
    for name in ("cache.sqlite", "scans.sqlite"):
        (settings.home / name).touch()
        (settings.home / name).chmod(0o666)
    open_desk(settings).database.close()
    Cache(settings.cache, 1 << 20).close()
    found: dict[str, Any] = dict(modes(settings.home))
    assert found.pop("home") == 0o755 and set(found.values()) == {0o600}, json.dumps(found)


def test_folders_are_made_private_all_the_way(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        make_folder(tmp_path / "a" / "b" / "c")
        make_folder(tmp_path / "a" / "b" / "c")
    finally:
        os.umask(before)
    assert {mode for name, mode in modes(tmp_path / "a")} == {0o700}
    with pytest.raises(FileExistsError):
        (tmp_path / "file").touch()
        make_folder(tmp_path / "file")
