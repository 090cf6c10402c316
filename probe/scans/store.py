"""Files by key, in a folder or at whatever address fsspec writes to (s3://bucket/prefix): whole, or not there.

In a folder they are their owner's alone, and nothing outside of it is reached through a link or a key's "..".
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any
from uuid import uuid4

from probe.data.private import make_folder, opener
from probe.errors import StoreError

_PART, _HERE = ".part", "memprobe-"  # what is half written, and what its name begins with on this machine
_TIMES = 5  # that a folder is removed, into which others write meanwhile


class Store:
    """Keys are relative paths with forward slashes."""

    def __init__(self, address: str | Path) -> None:
        """address: a folder, file://... or another URL of fsspec's. Raises StoreError for an unknown kind."""
        self.address = str(address).removeprefix("file://").rstrip("/") or "/"
        self._folder = None if "://" in self.address else Path(self.address)
        self._remote: Any = None
        if self._folder is None:
            import fsspec

            try:
                self._remote, self._root = fsspec.core.url_to_fs(self.address)
            except (ImportError, ValueError) as error:
                raise StoreError(f"The store {self.address} cannot be opened: {error}.") from error

    def place(self, key: str) -> str:
        """Returns the path or URL under which others may read the file. Raises StoreError."""
        return str(self._path(key)) if self._folder else f"{self.address}/{key}"

    @contextmanager
    def writing(self, key: str) -> Iterator[IO[bytes]]:
        """Yields a file that appears under its key when the block ends well. Raises StoreError."""
        with self._explained("written"):
            part = self._part(key)
        try:
            with self._explained("written"), open(part, "wb", opener=opener) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            with self._explained("written"):
                self._publish(part, key)
        finally:
            part.unlink(missing_ok=True)

    def reading(self, key: str) -> IO[bytes]:
        """Raises StoreError where there is none."""
        with self._explained("read"):
            if self._folder:
                return self._path(key).open("rb")
            file: IO[bytes] = self._remote.open(f"{self._root}/{key}", "rb")
            return file

    def size(self, key: str) -> int | None:
        """Returns the bytes of a file, None where there is none."""
        with self._explained("read"):
            try:
                return self._stat(key)
            except FileNotFoundError:
                return None

    def free(self) -> int:
        """Returns the bytes that are free on the disk that files are written to first. Raises StoreError."""
        with self._explained("read"):
            return shutil.disk_usage(self._folder or tempfile.gettempdir()).free

    def delete(self, prefix: str) -> None:
        """Removes a file, or all that lies under a prefix."""
        with self._explained("written"):
            if self._folder:
                path = PurePosixPath(prefix)
                _remove(self._path(str(path.parent)) / path.name)  # of a link that stands there the link alone
            elif self._remote.exists(f"{self._root}/{prefix}"):
                self._remote.rm(f"{self._root}/{prefix}", recursive=True)

    def sweep(self, prefix: str) -> None:
        """Removes what processes that were killed had half written under a prefix."""
        with self._explained("written"):
            for part in (self._folder / prefix).rglob(f".*{_PART}") if self._folder else ():
                part.unlink(missing_ok=True)

    def sweep_old(self, prefix: str, seconds: float) -> int:
        """Removes what was half written, longer ago than this, also on this machine on its way to an object store;
        returns how many files. Raises StoreError.
        """
        removed = 0
        with self._explained("written"):
            beside = (self._folder / prefix).rglob(f".*{_PART}") if self._folder else ()
            for part in (*beside, *Path(tempfile.gettempdir()).glob(f"{_HERE}*{_PART}")):
                removed += _aged(part, seconds)
        return removed

    def _path(self, key: str) -> Path:
        """Returns the path of a key. Raises StoreError where it lies outside of the folder."""
        assert self._folder is not None
        path = self._folder / key
        try:
            inside = path.resolve().is_relative_to(self._folder.resolve())
        except RuntimeError:  # links in a circle
            inside = False
        if not inside:
            start = "/".join(key.split("/")[:2])  # what follows may be a name that a user gave
            raise StoreError(f"{start} leads out of the store {self.address}: take away the link that stands there.")
        return path

    def _part(self, key: str) -> Path:
        """Returns where a file grows: beside its place, so that moving it there is one step, or on this machine."""
        if self._folder is None:
            return Path(tempfile.gettempdir()) / f"{_HERE}{uuid4().hex}{_PART}"
        path = self._path(key)
        make_folder(path.parent)
        return path.with_name(f".{path.name}.{uuid4().hex}{_PART}")

    def _publish(self, part: Path, key: str) -> None:
        if self._folder:
            part.replace(self._folder / key)
        else:
            self._remote.put_file(str(part), f"{self._root}/{key}")  # object stores show a whole object or none

    def _stat(self, key: str) -> int:
        if self._folder:
            return self._path(key).stat().st_size
        return int(self._remote.size(f"{self._root}/{key}"))

    @contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"The store {self.address} cannot be {verb}: {error.strerror or error}. Mend that, then resume."
            ) from error


def _remove(path: Path) -> None:
    """Removes a file or folder, into which others may still write."""
    for _ in range(_TIMES):
        try:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
            return
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTEMPTY):
                raise


def _aged(part: Path, seconds: float) -> bool:
    """Removes a file that was last written to longer ago than this, and its folder where it is left empty."""
    try:
        found = part.lstat()
        if time.time() - found.st_mtime <= seconds or found.st_uid != os.geteuid():
            return False
        part.unlink()
    except FileNotFoundError:  # its writer ended, or somebody else sweeps
        return False
    if part.name.startswith("."):
        with suppress(OSError):
            part.parent.rmdir()
    return True
