"""How much an owner keeps, and what stays free."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from probe.errors import NoRoom
from probe.scans.database import Database
from probe.scans.desk import Desk
from probe.scans.room import FREE
from probe.scans.store import Store


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(Database(tmp_path / "l.sqlite"), Store(tmp_path / "store"), "alice", most=1000)
    yield found
    found.database.close()


def add(desk: Desk, *sizes: int) -> str:
    return desk.uploads.add("a.jsonl", "batch", iter([b"x" * size for size in sizes])).id


def test_an_owner_keeps_so_much_and_has_room_again_after_deleting(desk: Desk, tmp_path: Path) -> None:
    first = add(desk, 300, 300)
    with pytest.raises(NoRoom, match=r"1,000 bytes together .*DELETE /v1/files/ID") as refused:
        add(desk, 200, 201)
    assert refused.value.owners and [file.id for file in desk.uploads.listed()] == [first]
    assert [path.name for path in (tmp_path / "store" / "files").iterdir()] == [first]
    add(desk, 400)
    add(desk.of("bob"), 1000)
    desk.remove(first)
    add(desk, 600)


def test_uploads_at_once_keep_no_more_than_one_after_the_other(desk: Desk) -> None:
    def kept(_: int) -> bool:
        try:
            add(desk, 200, 200)
        except NoRoom:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(kept, range(8))) == len(desk.uploads.listed()) == 2


def test_without_a_limit_only_the_disk_has_one(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = Desk(desk.database, desk.store)
    add(free, 5000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=FREE + 99))
    add(free, 99)
    with pytest.raises(NoRoom, match="disk is all but full") as refused:
        add(free, 100)
    assert not refused.value.owners and len(list((tmp_path / "store" / "files").iterdir())) == 2


def test_what_is_on_its_way_elsewhere_leaves_room_here(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files for an object store lie in the folder of temporary files until they are whole."""
    elsewhere = Desk(desk.database, Store("memory://room"))
    free = {tempfile.gettempdir(): FREE + 99}
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free[str(path)]))
    add(elsewhere, 99)
    with pytest.raises(NoRoom, match="disk is all but full"):
        add(elsewhere, 100)
