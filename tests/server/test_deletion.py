"""What is deleted over HTTP is gone: files, parts, results, the statistics that it put in the cache, texts of jobs."""

from __future__ import annotations

import gc
import json
import sqlite3
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from probe.config import Settings
from probe.measure import Progress
from probe.models.cache import Cache
from server.app import create_app
from server.work.jobs import Jobs
from tests.serving import local

MARK = "zyzzyva"
SHARED = "The reader closes every file before it returns the value."
ROWS = [{"id": f"r{n}", "text": f"Line {n} of this {MARK} names option {n * 7 % 31}."} for n in range(70)]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def client(home: Path) -> Iterator[TestClient]:
    with local(create_app(Settings(home=home, cache_bytes=1 << 26)), raised=False) as opened:
        yield opened


def kept(home: Path) -> dict[bytes, tuple[str | None, bytes]]:
    """Returns what the cache holds: tag and value by key."""
    with closing(sqlite3.connect(home / "cache.sqlite")) as database:
        return {key: (tag, value) for key, tag, value in database.execute("SELECT key, tag, value FROM stats")}


def everywhere(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def finished(client: TestClient, path: str, among: tuple[str, ...] = ("completed",)) -> dict[str, Any]:
    for _ in range(900):
        found: dict[str, Any] = client.get(path).json()
        if found["status"] in ("completed", "failed", "cancelled"):
            assert found["status"] in among, found
            return found
        time.sleep(0.1)
    raise AssertionError("it takes too long")


def upload(client: TestClient, rows: list[dict[str, str]]) -> str:
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    answer = client.post("/v1/files", files={"file": (f"{MARK}.jsonl", content)}, data={"purpose": "batch"})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def scanned(client: TestClient, file: str) -> str:
    name = client.post("/v1/batches", json={"input_file_id": file, "metadata": {"model": "demo"}}).json()["id"]
    finished(client, f"/v1/batches/{name}")
    return str(name)


def test_of_a_file_and_a_scan_nothing_is_left(client: TestClient, home: Path) -> None:
    assert client.post("/v1/probe", json={"model": "demo", "input": SHARED}).status_code == 200
    before = kept(home)
    assert before and {tag for tag, _ in before.values()} == {None}
    file = upload(client, [*ROWS, {"id": "shared", "text": SHARED}])
    scan, other = scanned(client, file), scanned(client, file)  # the second one finds all statistics there
    put = {key: value for key, (tag, value) in kept(home).items() if tag == scan}
    assert len(put) >= 2 * len(ROWS) and put.keys().isdisjoint(before)
    assert MARK.encode() in everywhere(home / "store")
    (home / "store" / "files" / file / ".half.part").write_text(MARK)  # of an upload that was killed
    (home / "store" / "scans" / scan / "parts" / ".half.part").write_text(MARK)
    for path in (f"/v1/batches/{scan}", f"/v1/files/{file}"):
        assert client.delete(path).json()["deleted"], path
        assert client.get(path).status_code == client.delete(path).status_code == 404
    assert kept(home) == before  # rows that another request put in stay
    assert [path.name for path in (home / "store" / "scans").iterdir()] == [other]
    assert not list((home / "store" / "files").iterdir())
    assert MARK.encode() not in everywhere(home / "store")
    left = everywhere(home)
    assert not any(value[8:] in left for value in put.values())  # overwritten, in the file and in its log
    assert client.delete(f"/v1/batches/{other}").json()["deleted"]
    assert MARK.encode() not in everywhere(home)


def test_a_scan_that_runs_is_deleted_with_what_it_writes_meanwhile(client: TestClient, home: Path) -> None:
    file = upload(client, [{"id": str(n), "text": f"{row['text']} Again {n}."} for n, row in enumerate(ROWS * 20)])
    scan = client.post("/v1/batches", json={"input_file_id": file, "metadata": {"model": "demo"}}).json()["id"]
    while not any(tag == scan for tag, _ in (kept(home) if (home / "cache.sqlite").exists() else {}).values()):
        time.sleep(0.05)
    assert client.delete(f"/v1/batches/{scan}").status_code == 200
    for _ in range(300):
        if not kept(home) and not (home / "store" / "scans" / scan).exists():
            break
        time.sleep(0.1)
    else:
        raise AssertionError("what the worker wrote stays")
    time.sleep(1)
    assert not kept(home) and not (home / "store" / "scans" / scan).exists()


def test_where_the_store_fails_the_deletion_goes_through_later(client: TestClient, home: Path) -> None:
    scan = scanned(client, upload(client, ROWS))
    scans, aside = home / "store" / "scans", home / "aside"
    scans.rename(aside)
    scans.symlink_to(aside, target_is_directory=True)  # a store that has gone astray
    answer = client.delete(f"/v1/batches/{scan}")
    assert answer.status_code == 500 and "goes with the next sweep" in answer.json()["error"]["message"]
    assert client.get(f"/v1/batches/{scan}").status_code == 404 and (aside / scan).exists()
    scans.unlink()
    aside.rename(scans)
    desk = client.app.state.service.desk  # type: ignore[attr-defined]
    from probe.scans.sweep import sweep

    sweep(desk, 0, 0)
    assert not (scans / scan).exists() and not kept(home)


@pytest.mark.parametrize("kind", ["documents", "evaluations", "pii", "calibrations"])
def test_a_job_takes_its_statistics_along(client: TestClient, home: Path, kind: str) -> None:
    texts = [row["text"] for row in ROWS]
    if kind == "documents":
        shape = {"model": "demo", "prefix": "8", "suffix": "8"}
        begun = client.post("/v1/documents", files={"file": ("a.txt", "\n\n".join(texts).encode())}, data=shape)
    elif kind == "evaluations":
        begun = client.post("/v1/evaluations", json={"model": "demo", "members": texts[:30], "nonmembers": texts[30:]})
    elif kind == "pii":
        body = {"model": "demo", "presidio": False, "patterns": {"N": r"order (\d{6})"}}
        body["input"] = [f"{text} It came with order {482_613 + n}." for n, text in enumerate(texts[:3])]
        begun = client.post("/v1/pii", json={**body, "fillers": 100})
    else:
        begun = client.post("/v1/calibrations", json={"name": "mine", "model": "demo", "nonmembers": texts})
    assert begun.status_code == 202, begun.text
    path = f"/v1/{kind}/{begun.json()['id']}"
    finished(client, path)
    assert kept(home) and None not in {tag for tag, _ in kept(home).values()}
    assert client.delete(path).status_code == 200
    assert not kept(home)


class Content:
    """A text that can be watched."""


def test_what_is_forgotten_leaves_memory_at_once_or_with_its_next_step() -> None:
    dropped: list[str] = []
    jobs, began, goes_on = Jobs(dropped.append), threading.Event(), threading.Event()

    def holding(content: Content) -> Callable[[Progress], object]:
        def work(progress: Progress) -> object:
            began.set()
            goes_on.wait(20)
            progress(1, 2)
            return content

        return work

    contents = [Content(), Content(), Content()]
    watched = [weakref.ref(content) for content in contents]
    running, queued, done = (jobs.start("k", "n", "owner", holding(content), content) for content in contents)
    del contents
    assert began.wait(20)
    jobs.forget(queued)
    gc.collect()
    assert watched[1]() is None and dropped == [queued.id]  # though its turn never came
    jobs.forget(running)
    assert watched[0]() is not None  # its step has not ended yet
    goes_on.set()
    while done.status != "completed":
        time.sleep(0.01)
    gc.collect()
    assert watched[0]() is None and running.id in dropped
    assert watched[2]() is not None
    jobs.forget(done)
    gc.collect()
    assert watched[2]() is None and dropped[-1] == done.id
    jobs.stop()


def test_uploads_and_documents_leave_no_temporary_files(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setenv("TMPDIR", str(place))  # of the process that reads a document
    large = [{"text": "word " * 1000} for _ in range(500)]  # more than is held in memory
    upload(client, large)
    document = {"file": ("a.txt", ("word " * 500_000).encode())}
    answer = client.post("/v1/documents", files=document, data={"model": "demo"})
    client.delete(f"/v1/documents/{answer.json()['id']}")
    client.post("/v1/documents", files={"file": ("a.pdf", b"%PDF-1.4 broken" * 200_000)}, data={"model": "demo"})
    exported = client.get("/v1/calibrations/demo/export").content
    assert client.put("/v1/calibrations/mine", content=exported).status_code == 201
    assert not list(place.iterdir())


def test_a_cache_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE stats (key BLOB PRIMARY KEY, windows INTEGER, used REAL, value BLOB)")
        database.execute("INSERT INTO stats VALUES (?, 3, ?, ?)", (b"old", time.time(), b"value"))
    caches = [Cache(path, 1 << 20) for _ in range(2)]
    for number, cache in enumerate(caches):
        assert cache.get([b"old"]) == {b"old": (3, b"value")}
        cache.put([(bytes([number]), 1, b"x")])
        cache.close()
    assert {tag for tag, _ in kept(tmp_path).values()} == {None} and len(kept(tmp_path)) == 3
