"""Files in, a local index out: every run of 13 words with its place, in one sorted table on disk.

The sort is external: runs are dealt by the top byte of their hash into 256 files, and each file is sorted in memory and
appended. Words of all documents are counted through, so that a place names the document and the order of its runs. On
disk: keys.u64 and places.u32 (12 bytes a word), starts.u32 and names (documents), verbatim.s16 and owners.u32 (whole
texts, sorted), index.json, written last.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from probe.corpus.grams import RUN, Hashes, grams, hashed, padding, verbatim
from probe.data.read import Columns, Unreadable, read
from probe.errors import InputError

VERSION = 1
ENTRY = np.dtype([("key", "<u8"), ("place", "<u4")])
_CHUNK = 1 << 21  # words whose runs are dealt at once
_MOST = (1 << 32) - _CHUNK  # words: a place is 32 bits
Named = tuple[str, str]  # a document's name and its text


@dataclass(slots=True)
class _Growing:
    """What is kept in memory while documents come: 20 bytes and the name of each, and the words not yet dealt."""

    words: list[Hashes] = field(default_factory=list)
    owners: list[npt.NDArray[np.uint32]] = field(default_factory=list)  # the document of each of these words
    waiting: int = 0
    base: int = 0  # the place of the first waiting word
    starts: list[int] = field(default_factory=list)
    names: list[bytes] = field(default_factory=list)
    verbatim: list[bytes] = field(default_factory=list)


def build(documents: Iterable[Named], out: Path) -> dict[str, Any]:
    """Writes the index into the new folder `out`; returns its header. Raises InputError."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} exists and is not empty; name a new folder.", "out")
    out.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))  # readable by its owner only
    try:
        header = _write(documents, made)
        (made / "index.json").write_text(json.dumps(header, indent=1))
        made.replace(out)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return header


def documents(
    files: Sequence[Path], columns: Columns, broken: list[str], progress: Callable[[int, int], None] | None = None
) -> Iterator[Named]:
    """Yields the documents of files by name, FILE:ID or FILE:ROW; says in `broken` which rows give none."""
    for done, path in enumerate(files):
        for number, row in enumerate(read(path, columns), 1):
            if isinstance(row, Unreadable):
                broken.append(f"{path}, row {row.row}: {row.reason}")
            else:
                yield (str(path) if row.id == path.name else f"{path}:{row.id or number}"), row.text
        if progress:
            progress(done + 1, len(files))


def _write(documents: Iterable[Named], folder: Path) -> dict[str, Any]:
    grown = _Growing()
    dealt = folder / "dealt"
    dealt.mkdir()
    with ExitStack() as stack:
        piles = [stack.enter_context((dealt / f"{top:02x}").open("wb")) for top in range(256)]
        for name, text in documents:
            _take(grown, name, text, piles)
        _deal(grown, piles)
    if not grown.starts:
        raise InputError("There is no document in what was named.")
    _sort(dealt, folder)
    shutil.rmtree(dealt)
    names = np.cumsum([0, *map(len, grown.names)], dtype="<u8")
    (folder / "names").write_bytes(b"".join(grown.names))
    names.tofile(folder / "names.u64")
    np.array(grown.starts, dtype="<u4").tofile(folder / "starts.u32")
    whole = np.array(grown.verbatim, dtype="S16")
    order = np.argsort(whole, kind="stable")
    whole[order].tofile(folder / "verbatim.s16")
    order.astype("<u4").tofile(folder / "owners.u32")
    content = "sha256:" + sha256(b"".join(grown.verbatim)).hexdigest()
    words = grown.base + grown.waiting
    return {"version": VERSION, "run": RUN, "documents": len(grown.starts), "words": words, "hash": content}


def _take(grown: _Growing, name: str, text: str, piles: Sequence[IO[bytes]]) -> None:
    if not text.strip():
        return
    grown.starts.append(grown.base + grown.waiting)
    grown.names.append(name.encode("utf-8", "replace"))
    grown.verbatim.append(verbatim(text))
    size = 0
    for piece in hashed(text):
        size += len(piece)
        _add(grown, piece, piles)
    _add(grown, padding(size), piles)


def _add(grown: _Growing, words: Hashes, piles: Sequence[IO[bytes]]) -> None:
    """Takes words of the newest document."""
    grown.words.append(words)
    grown.owners.append(np.full(len(words), len(grown.starts) - 1, dtype=np.uint32))
    grown.waiting += len(words)
    if grown.base + grown.waiting > _MOST:
        raise InputError(f"The corpus has more than {_MOST:,} words; build an index for each part of it.", "files")
    if grown.waiting >= _CHUNK:
        _deal(grown, piles)


def _deal(grown: _Growing, piles: Sequence[IO[bytes]]) -> None:
    """Writes the runs of the waiting words that lie in one document; the last 12 words wait for those to come."""
    if not grown.words:
        return
    words, owners = np.concatenate(grown.words), np.concatenate(grown.owners)
    found = grams(words)
    whole = owners[: len(found)] == owners[RUN - 1 :][: len(found)]
    entries = np.empty(int(whole.sum()), dtype=ENTRY)
    entries["key"] = found[whole]
    entries["place"] = grown.base + np.flatnonzero(whole)
    top = (entries["key"] >> np.uint64(56)).astype(np.uint8)
    entries = entries[np.argsort(top, kind="stable")]
    ends = np.cumsum(np.bincount(top, minlength=256))
    for pile, part in zip(piles, np.split(entries, ends[:-1]), strict=True):
        pile.write(part.tobytes())
    grown.base += len(found)
    grown.words, grown.owners, grown.waiting = [words[len(found) :]], [owners[len(found) :]], len(words) - len(found)


def _sort(dealt: Path, folder: Path) -> None:
    """Sorts pile by pile; equal keys keep their order, which is that of their places."""
    with (folder / "keys.u64").open("wb") as keys, (folder / "places.u32").open("wb") as places:
        for pile in sorted(dealt.iterdir()):
            entries = np.fromfile(pile, dtype=ENTRY)
            entries = entries[np.argsort(entries["key"], kind="stable")]
            keys.write(entries["key"].tobytes())
            places.write(entries["place"].tobytes())
            pile.unlink()
