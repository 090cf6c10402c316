"""What an .npz claims to hold, read from its headers before any of it is made: bounded, plain, and nothing pickled."""

from __future__ import annotations

import math
import zipfile
from typing import IO

from numpy.lib import format as npy

_MOST_ARRAYS = 10_000
_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def check(file: IO[bytes], most: int) -> None:
    """Raises ValueError for arrays of more than so many bytes together, of objects, or of other sizes than they claim;
    BadZipFile for what is no archive.
    """
    with zipfile.ZipFile(file) as packed:
        entries = packed.infolist()
        if (size := sum(entry.file_size for entry in entries)) > most or len(entries) > _MOST_ARRAYS:
            raise ValueError(f"it unpacks to {size:,} bytes in {len(entries):,} arrays")
        for entry in entries:
            with packed.open(entry) as stream:
                _check_array(stream, entry.file_size)
    file.seek(0)


def _check_array(stream: IO[bytes], size: int) -> None:
    """numpy makes an array of the size that its header names before it reads any of it."""
    read = _READERS.get(npy.read_magic(stream))
    if read is None:
        raise ValueError("an array is of another version")
    shape, _, kind = read(stream)
    if kind.hasobject:
        raise ValueError("an array holds objects, which are not unpickled")
    if kind.itemsize == 0 or min(shape, default=0) < 0 or math.prod(shape) * kind.itemsize != size - stream.tell():
        raise ValueError("an array is not of the size that it claims")
