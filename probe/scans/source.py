"""Input -> requests: the rows of what a scan is asked to read, wherever it lies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from probe.data.fetch import Interrupted
from probe.data.hub import SCHEME, hub_rows
from probe.data.read import check_columns
from probe.data.rows import rows
from probe.data.within import within
from probe.errors import InputError
from probe.scans.options import ScanOptions
from probe.scans.requests import Request, request
from probe.wanted import still_wanted


@dataclass(frozen=True, slots=True)
class Source:
    """place: a path, a URL, or hf:NAME:SPLIT. name: as the user calls it. within: what it must lie under, where whoever
    asks for it may not read all. most: bytes of text that were paid for, where it costs something.
    """

    place: str
    name: str
    within: str | None = None
    most: int | None = None

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Source:
        return cls(stored["place"], stored["name"], stored.get("within"), stored.get("most"))


def requests(source: Source, options: ScanOptions, model: str) -> Iterator[Request]:
    """Yields the rows. Raises InputError where the input as a whole cannot be read, or has become more than paid."""
    if source.within is not None and not within(source.place, source.within):  # it was when the scan was asked for
        raise InputError("The input leads out of what may be read: a link was put in its place.", "input_file_id")
    named = None if source.name == source.place else source.name
    table = hub_rows(source.place, streaming=True) if source.place.startswith(SCHEME) else rows(source.place, named)
    check_columns(source.name, table.columns, options.columns)
    ids, size = _Ids(), 0
    for raw in table.rows:
        found = request(raw, options, model)
        if found.id and not found.error and ids.known(found.id):
            found = Request(found.row, found.id, error="this id is that of an earlier row; give each row its own")
        size += 0 if source.most is None else _bytes(found)
        if source.most is not None and size > source.most:  # it was counted when the scan was asked for
            raise InputError("The input holds more text than it did when its tokens were paid: ask for it again.")
        yield found


def text_bytes(source: Source, options: ScanOptions, model: str, most: int) -> int:
    """Returns the bytes of all texts that would be scored, or a number beyond `most` as soon as there are more. It ends
    where it is not wanted any more. Raises InputError as `requests` does.
    """
    size = 0
    try:
        for one in requests(source, options, model):
            still_wanted()
            size += _bytes(one)
            if size > most:
                break
    except Interrupted as error:  # a worker comes back to it; here somebody waits
        raise InputError("The connection to the input broke off: ask again.", "metadata.url") from error
    return size


def _bytes(one: Request) -> int:
    return sum(len(text.text.encode()) for text in one.texts)


class _Ids:
    """Ids that were met, by 64-bit hashes, eight bytes each."""

    _MOST = 1 << 16

    def __init__(self) -> None:
        self._old, self._new = np.empty(0, dtype=np.uint64), set[int]()

    def known(self, name: str) -> bool:
        """Returns whether it was met before, and remembers it."""
        hashed = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")
        place = int(np.searchsorted(self._old, np.uint64(hashed)))
        if hashed in self._new or (place < len(self._old) and int(self._old[place]) == hashed):
            return True
        self._new.add(hashed)
        if len(self._new) >= self._MOST:
            self._old = np.union1d(self._old, np.fromiter(self._new, np.uint64, len(self._new)))
            self._new = set()
        return False
