"""What reads what strangers send, each with inputs for it; whatever it raises but our own errors is a finding."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from probe.data.parquet import read
from probe.data.parquet_apart import pieces
from probe.data.read import Columns, check_columns, text_of
from probe.data.rows import Raw, is_unicode, rows
from probe.documents.document import Document
from probe.documents.passages import passages
from probe.documents.read import read_bytes
from probe.errors import InputError
from probe.scans.options import ScanOptions
from probe.scans.requests import request
from tests.hostile.mutate import TRICKS, changed, changes, gzipped, rezipped, zstandardised
from tests.hostile.seeds import DOCUMENTS, TABLES, loose_pdf, odd_parquet

Run = Callable[[Any], None]
File = tuple[str, bytes]  # name, content


@dataclass(frozen=True)
class Target:
    """share: of all inputs. opened: gives, in a folder of its own, what runs one input."""

    share: int
    inputs: st.SearchStrategy[Any]
    opened: Callable[[Path], Any]


# tables


@contextmanager
def _table(folder: Path) -> Iterator[Run]:
    options, columns = ScanOptions(), Columns()

    def run(file: File) -> None:
        path = folder / file[0]
        path.write_bytes(file[1])
        try:
            table = rows(path)
            check_columns(path.name, table.columns, columns)
        except InputError:
            return
        for row in table.rows:
            found = request(row, options, "demo")
            assert found.row == row.row > 0
            assert found.error or all(is_unicode(text.text) and is_unicode(text.id or "") for text in found.texts)
            if isinstance(row, Raw):
                text_of(row, columns)

    yield run


@contextmanager
def _parquet(folder: Path) -> Iterator[Run]:
    """What reads a Parquet file in a process of its own, in this one."""
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    def run(file: File) -> None:
        try:
            whole = ParquetFile(io.BytesIO(file[1]))
        except (ArrowException, OSError, ValueError):
            return
        for batch, told in pieces(whole, len(file[1])):
            for row in read(batch, told):
                request(row, ScanOptions(), "demo")

    yield run


def _files(seeds: dict[str, bytes], kinds: dict[str, str], *names: str) -> st.SearchStrategy[File]:
    def of(name: str) -> st.SearchStrategy[File]:
        return changes(kinds[Path(name).suffix]).map(lambda every: (name, changed(seeds[name], every)))

    return st.one_of([of(name) for name in names or seeds])


def _packed(name: str, kind: str, pack: Callable[[bytes], bytes]) -> st.SearchStrategy[File]:
    """Changes of what is packed, of the packing, or of both."""
    inner = changes(kind).map(lambda every: pack(changed(TABLES[name], every)))
    ending = ".gz" if pack is gzipped else ".zst"
    return (inner | st.builds(changed, inner | st.just(pack(TABLES[name])), changes("text"))).map(
        lambda content: (name + ending, content)
    )


_PACKS = (gzipped, zstandardised)
_KINDS = {
    ".jsonl": "json", ".json": "json", ".csv": "csv", ".tsv": "csv", ".txt": "text", ".md": "md", ".html": "html",
    ".pdf": "pdf", ".epub": "text", ".parquet": "parquet", ".xhtml": "html",
}  # fmt: skip
_PACKED = st.one_of(
    [_packed(name, kind, pack) for name, kind in (("a.jsonl", "json"), ("a.csv", "csv")) for pack in _PACKS]
)
_PARQUET = {"a.parquet": TABLES["a.parquet"], "b.parquet": TABLES["b.parquet"], **odd_parquet()}


# documents


@contextmanager
def _document(folder: Path) -> Iterator[Run]:
    def run(file: File) -> None:
        try:
            found = read_bytes(file[1], file[0])
        except InputError:
            return
        found.text.encode()  # it is answered, stored and tokenised
        json.dumps(found.as_json()).encode()
        assert Document.from_json(json.loads(json.dumps(found.as_json()))) == found
        for one in passages(found):
            assert found.text[one.start : one.end].strip() and one.place is not None

    yield run


def _epubs() -> st.SearchStrategy[File]:
    def inside(which: int) -> st.SearchStrategy[bytes]:
        every = changes("xml") | changes("html")
        return st.builds(rezipped, st.just(DOCUMENTS["a.epub"]), st.just(which), every, TRICKS)

    whole = st.builds(changed, st.just(DOCUMENTS["a.epub"]), changes("text"))
    return (st.integers(0, 4).flatmap(inside) | whole).map(lambda content: ("a.epub", content))


_PAGES = {**DOCUMENTS, "a.xhtml": DOCUMENTS["a.html"]}
_PDFS = {"a.pdf": DOCUMENTS["a.pdf"], "b.pdf": loose_pdf()}
FILES: dict[str, Target] = {
    "jsonl": Target(14, _files(TABLES, _KINDS, "a.jsonl", "a.json"), _table),
    "csv": Target(14, _files(TABLES, _KINDS, "a.csv", "a.tsv"), _table),
    "packed": Target(8, _PACKED, _table),
    "parquet": Target(14, _files(_PARQUET, _KINDS), _parquet),
    "plain": Target(8, _files(_PAGES, _KINDS, "a.txt", "a.md"), _document),
    "html": Target(10, _files(_PAGES, _KINDS, "a.html", "a.xhtml"), _document),
    "epub": Target(10, _epubs(), _document),
    "pdf": Target(8, _files(_PDFS, _KINDS), _document),
}
