"""A file is whole under its key, or not there; in a folder, or behind fsspec."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from probe.errors import StoreError
from probe.scans.store import Store


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(tmp_path / "s" if request.param == "folder" else f"memory://{uuid4().hex}")


def put(store: Store, key: str, content: bytes) -> None:
    with store.writing(key) as file:
        file.write(content)


def test_what_was_written_is_there(store: Store) -> None:
    put(store, "a/b/one.bin", b"1")
    put(store, "a/b/two.bin", b"22")
    put(store, "a/b/two.bin", b"333")
    with store.reading("a/b/two.bin") as file:
        assert file.read() == b"333"
    assert store.size("a/b/two.bin") == 3 and store.size("a/b/three.bin") is None
    with pytest.raises(StoreError, match="cannot be read"):
        store.reading("a/b/three.bin")
    store.delete("a/b/one.bin")
    assert [store.size(f"a/b/{name}.bin") for name in ("one", "two")] == [None, 3]
    store.delete("a")
    store.delete("a")
    assert store.size("a/b/two.bin") is None


def test_what_broke_off_leaves_nothing(store: Store) -> None:
    put(store, "a/x", b"old")
    with pytest.raises(ValueError, match="broke"), store.writing("a/x") as file:
        file.write(b"new")
        raise ValueError("broke")
    with store.reading("a/x") as file:
        assert file.read() == b"old"


def test_errors_name_the_store(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be written: .*Mend that, then resume"):
        put(Store(tmp_path / "file"), "a/x", b"1")
    with pytest.raises(StoreError, match="cannot be opened"):
        Store("nothing-of-the-kind://x")
    assert Store(f"file://{tmp_path}").place("a/x") == f"{tmp_path}/a/x"


def test_nothing_outside_is_reached_by_a_link_or_a_name(tmp_path: Path) -> None:
    """Links that somebody put into the folder of a store: to a file, to a folder, in a circle."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("keep")
    store = Store(tmp_path / "s")
    put(store, "files/f/mine", b"1")
    (tmp_path / "s" / "files" / "f" / "link").symlink_to(outside / "secret")
    (tmp_path / "s" / "scans").symlink_to(outside, target_is_directory=True)
    (tmp_path / "s" / "circle").symlink_to(tmp_path / "s" / "circle")
    for key in ("files/f/link", "scans/secret", "files/../../outside/secret", "circle"):
        for reach in (store.reading, store.size, store.place):
            with pytest.raises(StoreError, match="leads out of the store"):
                reach(key)
        with pytest.raises(StoreError, match="leads out of the store"):
            put(store, f"{key}/new", b"2")
    for key in ("scans/secret", "../outside/secret", "scans/../../outside"):
        with pytest.raises(StoreError, match="leads out of the store"):
            store.delete(key)
    for key in ("files/f", "scans", "circle"):  # links themselves go, and not what they lead to
        store.delete(key)
    assert (outside / "secret").read_text() == "keep" and not list((tmp_path / "s" / "files").iterdir())


def test_what_was_half_written_long_ago_goes(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an upload whose process was killed; one that still grows stays, and so does whatever else is there."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "here"))
    (tmp_path / "here").mkdir()
    put(store, "files/whole/a.jsonl", b"1")
    parts = []
    for name in ("old", "new"):
        with suppress(KeyboardInterrupt), store.writing(f"files/{name}/a.jsonl") as file:
            file.write(b"half")
            file.flush()
            (part,) = [one for one in tmp_path.rglob("*.part") if one not in parts]
            parts.append(part)
            os.link(part, tmp_path / name)  # what a kill leaves: the block ends, the file stays
            raise KeyboardInterrupt
        part.parent.mkdir(exist_ok=True)
        (tmp_path / name).rename(part)
    (tmp_path / "here" / "other.part").write_text("somebody's own")
    for one in (parts[0], tmp_path / "here" / "other.part"):
        os.utime(one, (1, 1))
    assert store.sweep_old("files", 3600) == 1 and store.sweep_old("files", 3600) == 0
    assert not parts[0].exists() and parts[1].exists() and (tmp_path / "here" / "other.part").exists()
    assert store.size("files/whole/a.jsonl") == 1
    assert not (tmp_path / "s" / "files" / "old").exists()
