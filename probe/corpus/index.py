"""A local index (build.py): the longest run of a text's words that stands in one of its documents.

Exact is decided on whole texts as they stand, runs on words, case and punctuation aside. Nothing is read into memory:
a look-up is binary searches in tables on disk.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from probe.corpus.build import VERSION
from probe.corpus.grams import RUN, Hashes, grams, hashed, padding, verbatim
from probe.errors import InputError
from probe.types import InCorpus

SHOWN = 5  # documents named
TOO_SHORT = f"a text of fewer than {RUN} words is found only where it is a document of its own"
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class LocalIndex:
    """source: its folder; hash: of the documents as they stand, in order. Arrays as in build.py, on disk."""

    source: str
    hash: str
    keys: Hashes
    places: npt.NDArray[np.uint32]
    starts: npt.NDArray[np.uint32]
    verbatim: npt.NDArray[np.bytes_]
    owners: npt.NDArray[np.uint32]
    ends: npt.NDArray[np.uint64]  # [documents + 1], where names lie in `names`
    names: npt.NDArray[np.uint8]

    def look(self, texts: Sequence[str]) -> list[InCorpus]:
        """Returns what the corpus holds of each text."""
        return [self._look(text.strip()) for text in texts]

    def _look(self, text: str) -> InCorpus:
        hashes = np.concatenate([np.empty(0, dtype=np.uint64), *hashed(text)])
        size = len(hashes)
        digest = np.array(verbatim(text), dtype="S16")
        same = slice(*(int(np.searchsorted(self.verbatim, digest, side)) for side in ("left", "right")))
        if text and (owners := self.owners[same]).size:
            return InCorpus("exact", size, 1.0, len(owners), self._named(owners))
        run, begins = self._longest(grams(np.concatenate([hashes, padding(size)])))
        note = TOO_SHORT if 0 < size < RUN else None
        if not run:
            return InCorpus("none", 0, 0.0, 0, note=note)
        held = np.unique(np.searchsorted(self.starts, begins, "right") - 1)
        words = min(run + RUN - 1, size)
        return InCorpus("run", words, words / size, len(held), self._named(held))

    def _longest(self, wanted: Hashes) -> tuple[int, Places]:
        """Returns the most of these runs that follow each other in one document, and where that begins in each."""
        best, begins = 0, np.empty(0, dtype=np.int64)
        before, length = begins, begins  # the places of the run before, and how many led up to each
        lows, highs = (np.searchsorted(self.keys, wanted, side) for side in ("left", "right"))
        for low, high in zip(lows, highs, strict=True):
            here = self.places[low:high].astype(np.int64)
            length = 1 + _taken(before, length, here - 1)
            before = here
            if len(here) and (longest := int(length.max())) > best:
                best, begins = longest, here[length == longest] - longest + 1
        return best, begins

    def _named(self, documents: npt.NDArray[Any]) -> tuple[str, ...]:
        chosen = np.sort(documents)[:SHOWN].astype(np.int64)
        return tuple(bytes(self.names[self.ends[i] : self.ends[i + 1]]).decode("utf-8", "replace") for i in chosen)


def _taken(known: Places, values: Places, wanted: Places) -> Places:
    """Returns the value of each wanted entry of `known` (ascending), 0 where it is not there."""
    if not len(known):
        return np.zeros(len(wanted), dtype=np.int64)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[at] == wanted, values[at], 0)


def open_index(folder: Path) -> LocalIndex:
    """Raises InputError for what is no index, or one of another version or half a one."""
    try:
        header = json.loads((folder / "index.json").read_text())
        if (header["version"], header["run"]) != (VERSION, RUN):
            raise ValueError(f"it is of version {header['version']}")
        index = LocalIndex(
            str(folder), str(header["hash"]), _table(folder / "keys.u64", "<u8"), _table(folder / "places.u32", "<u4"),
            _table(folder / "starts.u32", "<u4"), _table(folder / "verbatim.s16", "S16"),
            _table(folder / "owners.u32", "<u4"), _table(folder / "names.u64", "<u8"), _table(folder / "names", "u1"),
        )  # fmt: skip
        count = header["documents"]
        if not len(index.starts) == len(index.verbatim) == len(index.owners) == len(index.ends) - 1 == count:
            raise ValueError("its tables do not fit together")
        if len(index.keys) != len(index.places) or index.ends[-1] != len(index.names):
            raise ValueError("its tables do not fit together")
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError(
            f"{folder} holds no whole corpus index ({error}). Make one: memprobe corpus build FILES --out DIR.",
            "corpus",
        ) from error
    return index


def _table(path: Path, dtype: str) -> npt.NDArray[Any]:
    """Returns a table of one column as it lies on disk; numpy maps no empty file."""
    if not path.stat().st_size:
        return np.empty(0, dtype=dtype)
    return np.memmap(path, dtype=dtype, mode="r")
