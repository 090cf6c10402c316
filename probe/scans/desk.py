"""What users do with files and scans: hand in, ask, cancel, fetch, delete. Ledger and store behind one counter."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import IO

from sqlalchemy import Connection

from probe.access.keys import LOCAL
from probe.errors import InputError, StoreError, UnknownName
from probe.models.stats_table import drop
from probe.scans import deleted
from probe.scans.database import Database
from probe.scans.finish import errors_key, output_key, summary_key
from probe.scans.leases import LEASE
from probe.scans.ledger import Ledger
from probe.scans.nouns import OPEN, Done, Scan
from probe.scans.options import ScanOptions
from probe.scans.parts import folder_key, part_key, raw_key
from probe.scans.source import Source
from probe.scans.store import Store
from probe.scans.tables import FILES
from probe.scans.uploads import File, Uploads
from probe.untold import called

OUTPUT, ERRORS = "-output", "-errors"
_PIECE = 1 << 20


class Desk:
    """owner: whose files and scans these are; nobody else's are seen. cache: of this machine, from which the statistics
    of what is deleted go, too. most: bytes of uploads that an owner may keep, 0 for no limit.
    """

    def __init__(
        self, database: Database, store: Store, owner: str = LOCAL, lease: float = LEASE, cache: Path | None = None,
        most: int = 0,
    ) -> None:  # fmt: skip
        self.database, self.store, self._owner, self.cache = database, store, owner, cache
        self.ledger, self.uploads = Ledger(database, owner, lease), Uploads(database, store, owner, most)

    def of(self, owner: str) -> Desk:
        """Returns the desk of another owner."""
        return Desk(self.database, self.store, owner, self.ledger.lease, self.cache, self.uploads.most)

    # files

    def file(self, name: str) -> File:
        """Returns an uploaded file, or one that a scan has written. Raises UnknownName."""
        found = self.uploads.find(name) or self._written(name)
        if found is None:
            raise UnknownName(f"No file {called(name)}.", "id")
        return found

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


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE):
            yield piece
