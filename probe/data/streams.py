"""Bytes out of a path or a URL that fsspec reads, decompressed where the name ends in .gz or .zst."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from probe.data.fetch import fetched
from probe.errors import InputError
from probe.untold import shown

_PACKED = (".gz", ".zst")
_PIECE = 1 << 16


class Damaged(Exception):
    """What a compressed file ends with that was cut off or changed."""


DAMAGE = (Damaged, EOFError, OSError, zlib.error)  # what reading on may raise; gzip has no kind of its own


@dataclass(frozen=True, slots=True)
class Stream:
    """place: a path or URL. ending: what the name ends in below .gz or .zst, in lower case."""

    place: str
    name: str
    ending: str
    packed: str

    @classmethod
    def of(cls, source: Path | str, called: str | None = None) -> Stream:
        """called: as its owner calls it, where that is not its own name. Raises InputError where a path is no file."""
        place = str(source)
        if "://" not in place and not Path(place).is_file():
            raise InputError(f"{place} is not a file.")
        name = PurePosixPath(urlsplit(place).path if "://" in place else place).name
        suffixes = [suffix.lower() for suffix in PurePosixPath(name).suffixes]
        packed = suffixes.pop() if suffixes and suffixes[-1] in _PACKED else ""
        return cls(place, called or name, suffixes[-1] if suffixes else "", packed)

    @property
    def said(self) -> str:
        """The name, as far as it may be told."""
        return shown(self.name, "The file")

    @contextmanager
    def open(self) -> Iterator[io.BufferedReader[Any] | gzip.GzipFile]:
        """Yields the bytes. Raises InputError where a URL cannot be opened."""
        with ExitStack() as stack:
            raw = stack.enter_context(self._raw())
            if self.packed == ".gz":
                yield stack.enter_context(gzip.GzipFile(fileobj=raw))
            elif self.packed == ".zst":
                yield stack.enter_context(io.BufferedReader(_Zst(raw), _PIECE))
            else:
                yield raw

    @contextmanager
    def text(self) -> Iterator[io.TextIOWrapper]:
        """Yields the same as lines of UTF-8; an invalid byte comes out as an unpaired surrogate."""
        with self.open() as file:
            yield io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="")

    def _raw(self) -> io.BufferedReader[Any]:
        if "://" not in self.place:
            return Path(self.place).open("rb")
        if self.place.startswith(("http://", "https://")):
            return fetched(self.place, whole=self.ending == ".parquet")
        try:
            import fsspec

            file: io.BufferedReader[Any] = fsspec.open(self.place, "rb").open()
            return file
        except (ImportError, ValueError, OSError) as error:
            raise InputError(f"{self.said} cannot be opened: {error}.") from error


class _Zst(io.RawIOBase):
    """Frames one after the other; says when the last one ends too early, which zstandard's own reader does not."""

    def __init__(self, raw: io.BufferedReader[Any]) -> None:
        import zstandard

        self._zstandard, self._raw, self._ready, self._packed = zstandard, raw, b"", b""
        self._frame: Any = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            self._packed = self._packed or self._raw.read(_PIECE)
            if not self._packed:
                if self._frame is not None:
                    raise Damaged("its compression ends too early")
                return 0
            self._ready = self._unpacked()
        size = min(len(buffer), len(self._ready))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size

    def _unpacked(self) -> bytes:
        self._frame = self._frame or self._zstandard.ZstdDecompressor().decompressobj()
        try:
            found: bytes = self._frame.decompress(self._packed)
        except self._zstandard.ZstdError as error:
            raise Damaged(f"its compression is damaged ({error})") from error
        self._packed = b""
        if self._frame.eof:
            self._packed, self._frame = self._frame.unused_data, None
        return found
