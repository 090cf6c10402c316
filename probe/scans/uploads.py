"""Files that users hand in: a row of the ledger, and a file in the store under an id of ours."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from uuid import uuid4

from sqlalchemy import Connection, select

from probe.data.rows import check_ending
from probe.data.streams import endings
from probe.errors import NoRoom, StoreError
from probe.scans.database import Database
from probe.scans.room import Room
from probe.scans.store import Store
from probe.scans.tables import FILES
from probe.untold import shown

_LONGEST = 255  # characters of a file's name
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class File:
    """key: where it lies in the store."""

    id: str
    owner: str
    name: str
    purpose: str
    bytes: int
    created: int
    key: str


class Uploads:
    """owner: whose they are. most: bytes that an owner may keep, 0 for no limit."""

    def __init__(self, database: Database, store: Store, owner: str, most: int) -> None:
        self._database, self._store, self._owner, self.most = database, store, owner, most

    def add(self, name: str, purpose: str, pieces: Iterator[bytes]) -> File:
        """Stores a file piece by piece. Raises InputError for a kind that nobody reads, NoRoom, StoreError."""
        found, said = f"file-{uuid4().hex}", f"file{_ending(name)}"
        check_ending(endings(said)[0], shown(name, "The file"))
        key = f"files/{found}/{said}"
        kept: File | None = None
        room = Room(self._database, self._store, self._owner, self.most)
        try:
            with self._store.writing(key) as file:
                size = sum(file.write(piece) for piece in room.watched(pieces))
                kept = File(found, self._owner, _shown(name), purpose, size, int(time.time()), key)
                self._keep(kept, room)  # before it is there: nothing lies in the store that nobody could delete
        except NoRoom:
            self._store.delete(f"files/{found}")  # its folder, else refusals would fill the disk with them
            raise
        except StoreError:
            if kept:
                self._database.run(lambda connection: connection.execute(FILES.delete().where(FILES.c.id == found)))
            raise
        return kept

    def find(self, name: str) -> File | None:
        query = select(FILES).where(FILES.c.id == name.replace("\0", ""), FILES.c.owner == self._owner)
        row = self._database.read(lambda connection: connection.execute(query).mappings().first())
        return File(**row) if row else None

    def listed(self, purpose: str | None = None, limit: int = 10_000, after: str | None = None) -> list[File]:
        """Returns uploaded files, the newest first."""
        query = select(FILES).where(FILES.c.owner == self._owner).order_by(FILES.c.created.desc(), FILES.c.id)
        if purpose:
            query = query.where(FILES.c.purpose == purpose.replace("\0", ""))
        rows = self._database.read(lambda connection: connection.execute(query).mappings().all())
        found = [File(**row) for row in rows]
        names = [file.id for file in found]
        return found[names.index(after) + 1 if after in names else 0 :][:limit]

    def _keep(self, file: File, room: Room) -> None:
        row = {name: getattr(file, name) for name in File.__slots__}

        def work(connection: Connection) -> None:
            room.check(connection, file.bytes)
            connection.execute(FILES.insert().values(**row))

        self._database.run(work)


def _shown(name: str) -> str:
    """Returns a name as far as it can be shown, and every database takes it."""
    return "".join(filter(str.isprintable, name))[:_LONGEST] or "file"


def _ending(name: str) -> str:
    """Returns what says how a file is to be read, such as .jsonl.gz: nothing else of its name stands in the store."""
    suffixes = PurePosixPath(name.replace("\\", "/").replace("\0", "")).suffixes[-2:]
    return "".join(one.lower() for one in suffixes if _SUFFIX.fullmatch(one))
