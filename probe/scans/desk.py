"""What users do with files and scans: hand in, ask, cancel, fetch, delete. Ledger and store behind one counter."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO
from uuid import uuid4

from sqlalchemy import Connection, select

from probe.access.keys import LOCAL
from probe.data.rows import check_ending
from probe.data.streams import endings
from probe.errors import InputError, NoRoom, StoreError, UnknownName
from probe.models.stats_table import drop
from probe.scans import deleted
from probe.scans.database import Database
from probe.scans.finish import errors_key, output_key, summary_key
from probe.scans.leases import LEASE
from probe.scans.ledger import Ledger
from probe.scans.nouns import OPEN, Done, Scan
from probe.scans.options import ScanOptions
from probe.scans.parts import folder_key, part_key, raw_key
from probe.scans.room import Room
from probe.scans.split import Source
from probe.scans.store import Store
from probe.scans.tables import FILES
from probe.untold import called, shown

OUTPUT, ERRORS = "-output", "-errors"
_PIECE = 1 << 20
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


class Desk:
    """owner: whose files and scans these are; nobody else's are seen. cache: of this machine, from which the statistics
    of what is deleted go, too. most: bytes of uploads that an owner may keep, 0 for no limit.
    """

    def __init__(
        self, database: Database, store: Store, owner: str = LOCAL, lease: float = LEASE, cache: Path | None = None,
        most: int = 0,
    ) -> None:  # fmt: skip
        self.database, self.store, self._owner, self.cache = database, store, owner, cache
        self.ledger, self._most = Ledger(database, owner, lease), most

    def of(self, owner: str) -> Desk:
        """Returns the desk of another owner."""
        return Desk(self.database, self.store, owner, self.ledger.lease, self.cache, self._most)

    # files

    def add(self, name: str, purpose: str, pieces: Iterator[bytes]) -> File:
        """Stores a file piece by piece. Raises InputError for a kind that nobody reads, NoRoom, StoreError."""
        found, said = f"file-{uuid4().hex}", f"file{_ending(name)}"
        check_ending(endings(said)[0], shown(name, "The file"))
        key = f"files/{found}/{said}"
        kept: File | None = None
        room = Room(self.database, self.store, self._owner, self._most)
        try:
            with self.store.writing(key) as file:
                size = sum(file.write(piece) for piece in room.watched(pieces))
                kept = File(found, self._owner, _shown(name), purpose, size, int(time.time()), key)
                self._keep(kept, room)  # before it is there: nothing lies in the store that nobody could delete
        except NoRoom:
            self.store.delete(f"files/{found}")  # its folder, else refusals would fill the disk with them
            raise
        except StoreError:
            if kept:
                self.database.run(lambda connection: connection.execute(FILES.delete().where(FILES.c.id == found)))
            raise
        return kept

    def file(self, name: str) -> File:
        """Returns an uploaded file, or one that a scan has written. Raises UnknownName."""
        query = select(FILES).where(FILES.c.id == name.replace("\0", ""), FILES.c.owner == self._owner)
        row = self.database.read(lambda connection: connection.execute(query).mappings().first())
        found = File(**row) if row else self._written(name)
        if found is None:
            raise UnknownName(f"No file {called(name)}.", "id")
        return found

    def files(self, purpose: str | None = None, limit: int = 10_000, after: str | None = None) -> list[File]:
        """Returns uploaded files, the newest first."""
        query = select(FILES).where(FILES.c.owner == self._owner).order_by(FILES.c.created.desc(), FILES.c.id)
        if purpose:
            query = query.where(FILES.c.purpose == purpose.replace("\0", ""))
        rows = self.database.read(lambda connection: connection.execute(query).mappings().all())
        found = [File(**row) for row in rows]
        names = [file.id for file in found]
        return found[names.index(after) + 1 if after in names else 0 :][:limit]

    def content(self, name: str) -> Iterator[bytes]:
        """Yields a file piece by piece. Raises UnknownName, StoreError."""
        return _pieces(self.store.reading(self.file(name).key))

    def remove(self, name: str) -> None:
        """Deletes an uploaded file. Raises UnknownName, InputError while a scan reads it."""
        found = self.file(name)
        if found.purpose != "batch":
            raise InputError("This file belongs to a batch: delete the batch.", "id")
        if any(
            one.source.get("file") == name and not one.split and one.status in OPEN
            for one in self.ledger.scans(limit=10_000)
        ):
            raise InputError("A batch still reads this file: cancel it first, or wait.", "id")
        key = str(PurePosixPath(found.key).parent)

        def work(connection: Connection) -> None:
            if connection.execute(FILES.delete().where(FILES.c.id == found.id)).rowcount:
                deleted.note(connection, found.id, key)

        self.database.run(work)
        self.clear(found.id, key)

    # scans

    def start(self, file: File, model: str, options: ScanOptions, metadata: Mapping[str, str]) -> Scan:
        """Queues a scan of an uploaded file."""
        return self.begin(self.source(file), model, options, metadata, file.id)

    def source(self, file: File) -> Source:
        return Source(self.store.place(file.key), file.name, self.store.address)

    def begin(
        self, source: Source, model: str, options: ScanOptions, metadata: Mapping[str, str], file: str | None = None
    ) -> Scan:
        """Queues a scan. file: the id of the upload that it is of."""
        return self.ledger.create(asdict(source) | {"file": file}, model, options.stored(), dict(metadata))

    def progress(self, name: str) -> tuple[Scan, Done]:
        """Raises UnknownName."""
        return self.ledger.scan(name), self.ledger.progress(name)

    def parts(self, name: str) -> list[int]:
        """Returns the numbers of the parts that can be read. Raises UnknownName."""
        self.ledger.scan(name)
        return self.ledger.shards(name)

    def part(self, name: str, number: int) -> IO[bytes]:
        """Returns a part as Parquet, with q-values once the scan is over. Raises UnknownName."""
        if number not in self.parts(name):
            raise UnknownName(f"Batch {name} has no part {number} yet.", "number")
        key = part_key(name, number)
        return self.store.reading(key if self.store.size(key) is not None else raw_key(name, number))

    def summary(self, name: str) -> IO[bytes]:
        """Raises UnknownName, InputError while the scan is not over."""
        scan = self.ledger.scan(name)
        if self.store.size(summary_key(name)) is None:
            raise InputError(f"The batch is {scan.status}; its summary is there when it is over.", "id")
        return self.store.reading(summary_key(name))

    def delete(self, name: str) -> None:
        """Ends a scan and removes all that it wrote. Raises UnknownName, StoreError."""
        self.ledger.delete(name)
        self.clear(name, folder_key(name))

    # both

    def clear(self, name: str, key: str) -> None:
        """Removes what is left of a file or scan that was deleted. Raises StoreError; then it may be tried again."""
        try:
            if self.cache:
                drop(self.cache, name)
            self.store.delete(key)
        except StoreError as error:
            rest = f"{name} is deleted, and what is left of it goes with the next sweep (memprobe scans sweep)"
            raise StoreError(f"{rest}: {error}") from error
        self.database.run(lambda connection: deleted.settle(connection, name))
        self.database.forget()

    def written(self, scan: Scan) -> tuple[str | None, str | None]:
        """Returns the ids of a scan's output and error file, None for one that is not there or empty."""
        ids = scan.id + OUTPUT, scan.id + ERRORS
        over = scan.status in ("completed", "cancelled")
        found = [self._written(name) if over else None for name in ids]
        output, errors = (None if file is None or not file.bytes else file.id for file in found)
        return output, errors

    def _written(self, name: str) -> File | None:
        for ending, key, purpose in ((OUTPUT, output_key, "batch_output"), (ERRORS, errors_key, "batch_error")):
            if name.endswith(ending):
                return self._output(name, name.removesuffix(ending), key(name.removesuffix(ending)), purpose)
        return None

    def _output(self, name: str, scan: str, key: str, purpose: str) -> File | None:
        try:
            made = int(self.ledger.scan(scan).times.get("finalizing", time.time()))
        except UnknownName:
            return None
        size = self.store.size(key)
        file = PurePosixPath(key).name
        return None if size is None else File(name, self._owner, file, purpose, size, made, key)

    def _keep(self, file: File, room: Room) -> None:
        row = {name: getattr(file, name) for name in File.__slots__}

        def work(connection: Connection) -> None:
            room.check(connection, file.bytes)
            connection.execute(FILES.insert().values(**row))

        self.database.run(work)


def _shown(name: str) -> str:
    """Returns a name as far as it can be shown, and every database takes it."""
    return "".join(filter(str.isprintable, name))[:_LONGEST] or "file"


def _ending(name: str) -> str:
    """Returns what says how a file is to be read, such as .jsonl.gz: nothing else of its name stands in the store."""
    suffixes = PurePosixPath(name.replace("\\", "/").replace("\0", "")).suffixes[-2:]
    return "".join(one.lower() for one in suffixes if _SUFFIX.fullmatch(one))


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE):
            yield piece
