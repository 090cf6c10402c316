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
_PIECE, _FEW = 1 << 16, 1 << 9
FREE, RATIO = 1 << 28, 100  # bytes that may be unpacked, and of what is packed how many times as much


class Damaged(Exception):
    """What a compressed file ends with that was cut off or changed."""


DAMAGE = (Damaged, EOFError, OSError, zlib.error)  # what reading on may raise; gzip has no kind of its own


def fault(error: Exception) -> str:
    """Returns what is wrong in words of ours: a library's may quote the file."""
    if isinstance(error, Damaged):
        return str(error)
    return "its compression ends too early" if isinstance(error, EOFError) else f"it is damaged ({_kind(error)})"


def _kind(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else type(error).__name__


def endings(name: str) -> tuple[str, str]:
    """Returns what a file's name says of its kind and of how it is packed: .csv and .gz of rows.csv.gz."""
    suffixes = [suffix.lower() for suffix in PurePosixPath(name).suffixes]
    packed = suffixes.pop() if suffixes and suffixes[-1] in _PACKED else ""
    return suffixes[-1] if suffixes else "", packed


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
        return cls(place, called or name, *endings(name))

    @property
    def said(self) -> str:
        """The name, as far as it may be told."""
        return shown(self.name, "The file")

    @contextmanager
    def open(self) -> Iterator[io.BufferedReader[Any] | gzip.GzipFile]:
        """Yields the bytes. Raises InputError where a URL cannot be opened."""
        with ExitStack() as stack:
            raw = stack.enter_context(self._raw())
            if not self.packed:
                yield raw
                return
            counted = _Counted(raw)
            gz = self.packed == ".gz"
            packed = gzip.GzipFile(fileobj=counted) if gz else io.BufferedReader(_Zst(counted), _PIECE)
            stack.enter_context(packed)
            yield stack.enter_context(io.BufferedReader(_Limited(packed, counted), _PIECE))

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


class _Counted(io.RawIOBase):
    """A file that knows how much of it was read."""

    def __init__(self, raw: io.BufferedReader[Any]) -> None:
        self._raw, self.size = raw, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._raw.seekable()

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()

    def readinto(self, buffer: Any) -> int:
        size = self._raw.readinto(buffer)
        self.size += size
        return size


class _Limited(io.RawIOBase):
    """What unpacks to so much more than it is, is not unpacked to its end."""

    def __init__(self, unpacked: io.BufferedReader[Any] | gzip.GzipFile, packed: _Counted) -> None:
        self._unpacked, self._packed, self._size = unpacked, packed, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = self._unpacked.readinto1(buffer)  # one piece: what came before a break is given, then the break told
        self._size += size
        if self._size > max(FREE, RATIO * self._packed.size):
            raise Damaged(f"it unpacks to more than {RATIO} times its size; send it unpacked, or in parts")
        return size


class _Zst(io.RawIOBase):
    """Frames one after the other; says when the last one ends too early, which zstandard's own reader does not.

    A block of four bytes may hold 128 kB, so that few are unpacked at once.
    """

    def __init__(self, raw: io.RawIOBase) -> None:
        import zstandard

        self._zstandard, self._raw, self._ready, self._packed = zstandard, raw, memoryview(b""), b""
        self._frame: Any = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            self._packed = self._packed or self._raw.read(_PIECE) or b""
            if not self._packed:
                if self._frame is not None:
                    raise Damaged("its compression ends too early")
                return 0
            self._ready = memoryview(self._unpacked())
        size = min(len(buffer), len(self._ready))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size

    def _unpacked(self) -> bytes:
        self._frame = self._frame or self._zstandard.ZstdDecompressor().decompressobj()
        part, self._packed = self._packed[:_FEW], self._packed[_FEW:]
        try:
            found: bytes = self._frame.decompress(part)
        except self._zstandard.ZstdError as error:
            raise Damaged("its compression is damaged") from error
        if self._frame.eof:
            self._packed, self._frame = self._frame.unused_data + self._packed, None
        return found
