"""Valid bytes -> bytes that are nearly so: a few changes each, drawn by hypothesis, which makes those that fail small.

Of what is packed (gzip, zstandard, zip) the changes hit what lies inside, or the packing.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Sequence
from dataclasses import dataclass
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import zstandard
from hypothesis import strategies as st

from tests.hostile.words import ANY, WORDS

FULL = 1 << 16  # a place is a share of the content, in these parts
_MOST = 200_000


@dataclass(frozen=True, slots=True)
class Change:
    """place, length: shares of the content in parts of FULL. word: what is put there."""

    how: str
    place: int
    length: int
    word: bytes


HOWS = ("put", "put", "over", "cut", "twice", "flip", "end", "many", "move")


def changes(kind: str, most: int = 5) -> st.SearchStrategy[list[Change]]:
    words = st.sampled_from(WORDS[kind] + ANY) | st.sampled_from(WORDS[kind] or ANY) | st.binary(min_size=1, max_size=6)
    share = st.integers(0, FULL - 1)
    return st.lists(
        st.builds(Change, st.sampled_from(HOWS), share, share | st.integers(0, 300), words), min_size=1, max_size=most
    )


def changed(content: bytes, every: Sequence[Change]) -> bytes:
    """Returns the content after all changes, 200 kB at most."""
    for one in every:
        content = _once(content, one)[:_MOST]
    return content


def _once(content: bytes, one: Change) -> bytes:
    at = one.place * (len(content) + 1) // FULL
    size = one.length * (len(content) - at) // FULL or 1
    head, part, tail = content[:at], content[at : at + size], content[at + size :]
    flipped = bytes(byte ^ 1 << one.length % 8 for byte in part[:1]) + part[1:]
    found = {
        "put": (head, one.word, part, tail), "over": (head, one.word, content[at + len(one.word) :]), "end": (head,),
        "cut": (head, tail), "twice": (head, part, part, tail), "flip": (head, flipped, tail),
        "move": (part, head, tail), "many": (head, one.word * (1 + one.length % 300), part, tail),
    }  # fmt: skip
    return b"".join(found[one.how])


# what is packed


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content, 1, mtime=0)


def zstandardised(content: bytes) -> bytes:
    return zstandard.compress(content, 1)


@dataclass(frozen=True, slots=True)
class Trick:
    """What a zip may do: names, repeated; sizes and flags that are not so."""

    how: str
    name: str


NAMES = (
    "../x", "/etc/passwd", "a\0b", "META-INF/container.xml", "OEBPS/book.opf", "", "x" * 300, "OEBPS/c0.xhtml", "\xe9",
)  # fmt: skip
TRICKS = st.lists(
    st.builds(
        Trick, st.sampled_from(("rename", "again", "flag", "size", "store", "drop", "comment", "link")),
        st.sampled_from(NAMES),
    ),
    max_size=2,
)  # fmt: skip


def rezipped(content: bytes, which: int, every: Sequence[Change], tricks: Sequence[Trick]) -> bytes:
    """Returns the archive with one of its files changed, and with tricks played on that one."""
    with ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    chosen = sorted(files)[which % len(files)]
    packed = io.BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        for name, inner in files.items():
            info, hows = ZipInfo(name), {one.how: one.name for one in tricks} if name == chosen else {}
            if "drop" in hows:
                continue
            info.filename = hows.get("rename", name)
            info.compress_type = ZIP_STORED if "store" in hows else ZIP_DEFLATED
            info.external_attr = 0o120777 << 16 if "link" in hows else 0
            info.comment = hows["comment"].encode() if "comment" in hows else b""
            archive.writestr(info, changed(inner, every) if name == chosen else inner)
            if "again" in hows:
                archive.writestr(ZipInfo(hows["again"]), inner)
            if "flag" in hows:
                info.flag_bits |= 1  # in the central directory: encrypted
            if "size" in hows:
                info.file_size = 1 << 31
    return packed.getvalue()
