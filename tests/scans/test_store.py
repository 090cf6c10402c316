"""A file is whole under its key, or not there; in a folder, or behind fsspec."""

from __future__ import annotations

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
