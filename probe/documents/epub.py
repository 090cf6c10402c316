"""EPUB: the files of its spine in reading order. Nothing is unpacked to a disk, so names in it can lead nowhere."""

from __future__ import annotations

import io
import posixpath
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from lzma import LZMAError
from urllib.parse import unquote
from xml.etree import ElementTree
from zipfile import BadZipFile, ZipFile, ZipInfo

from probe.documents.document import Leaf, Opened
from probe.documents.html import html
from probe.documents.limits import FILES, UNPACKED, check
from probe.errors import InputError
from probe.untold import shown

_CONTAINER, _ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
_READ = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")
_DAMAGE = (
    BadZipFile, zlib.error, LZMAError, NotImplementedError, EOFError, OSError, ValueError, OverflowError, struct.error,
)  # fmt: skip
_FONTS = (".otf", ".ttf", ".woff", ".woff2")


def epub(content: bytes) -> Opened:
    """Returns a leaf per file. Raises InputError for what is broken, locked or too large."""
    with _readable():
        archive = ZipFile(io.BytesIO(content))
    with archive:
        check("files", len(archive.infolist()), FILES)
        return _leaves(_Archive(archive))


@contextmanager
def _readable() -> Iterator[None]:
    """Raises InputError for whatever zipfile makes of an archive that is none."""
    try:
        yield
    except _DAMAGE as error:
        raise InputError("The EPUB is damaged or no EPUB: save or download it again.", "file") from error


class _Archive:
    """Files by name; all that is read of them together is bounded, whatever their headers say."""

    def __init__(self, archive: ZipFile) -> None:
        self._archive, self._left = archive, UNPACKED
        self.names = frozenset(archive.namelist())

    def check(self, names: Sequence[str]) -> None:
        """Raises InputError where their headers tell that they are too much, before any is read."""
        if sum(self._archive.getinfo(name).file_size for name in names) > self._left:
            raise InputError(f"The EPUB unpacks to more than {UNPACKED >> 20} MB: split it.", "file")

    def read(self, name: str) -> bytes:
        """Raises InputError where it is absent, locked, or more than may be."""
        if name not in self.names:
            lacking = shown(name, "a file that it names")
            raise InputError(f"The EPUB lacks {lacking}: save or download it again.", "file")
        info: ZipInfo = self._archive.getinfo(name)
        if info.flag_bits & 1:
            raise InputError("The EPUB is encrypted: bring it without its password.", "file")
        with _readable(), self._archive.open(info) as file:
            found = file.read(self._left + 1)
        self._left -= len(found)
        if self._left < 0:
            raise InputError(f"The EPUB unpacks to more than {UNPACKED >> 20} MB: split it.", "file")
        return found


def _leaves(archive: _Archive) -> Opened:
    _locked(archive)
    package = _package(archive)
    book, folder = _xml(archive.read(package), package), posixpath.dirname(package)
    items = {item.get("id", ""): item for item in book.iter() if _tag(item) == "item"}
    named = dict.fromkeys(one.get("idref", "") for one in book.iter() if _tag(one) == "itemref")  # once each
    spine = [items[place] for place in named if place in items]
    chosen = [name for item in spine if (name := _name(item, folder))]
    archive.check([name for name in chosen if name in archive.names])
    leaves: list[Leaf] = []
    warnings: list[str] = []
    for name in chosen:
        if name not in archive.names:
            warnings.append(f"{name[:200]} stands in the table of contents and is not there")
            continue
        found = html(archive.read(name), name)
        leaves += found.leaves
        warnings += [f"{name[:200]}: {one}" for one in found.warnings]
    if chosen and not leaves:
        raise InputError(
            "None of the files that the EPUB is to be read from is in it: save or download it again.", "file"
        )
    return Opened(leaves, warnings)


def _name(item: ElementTree.Element, folder: str) -> str | None:
    """Returns the file of an item that is to be read."""
    if item.get("media-type", _READ[0]) not in _READ or "nav" in item.get("properties", "").split():
        return None
    return posixpath.normpath(posixpath.join(folder, unquote(item.get("href", "").partition("#")[0])))


def _package(archive: _Archive) -> str:
    found = _xml(archive.read(_CONTAINER), _CONTAINER)
    paths = [one.get("full-path") for one in found.iter() if _tag(one) == "rootfile"]
    if not paths or not paths[0]:
        raise InputError("The EPUB names no book (META-INF/container.xml): save or download it again.", "file")
    return posixpath.normpath(paths[0])


def _locked(archive: _Archive) -> None:
    """Raises InputError for a book under DRM; fonts are often obfuscated, and no matter."""
    if _ENCRYPTION not in archive.names:
        return
    found = _xml(archive.read(_ENCRYPTION), _ENCRYPTION)
    names = [one.get("URI", "") for one in found.iter() if _tag(one) == "CipherReference"]
    if any(not name.lower().endswith(_FONTS) for name in names):
        raise InputError("The EPUB is encrypted (DRM): bring a copy without.", "file")


def _xml(content: bytes, name: str) -> ElementTree.Element:
    if b"<!ENTITY" in content.replace(b"\0", b""):  # in UTF-16, too
        raise InputError(
            f"{shown(name, 'A file')} in the EPUB declares entities, which no book needs: it is refused.", "file"
        )
    try:
        return ElementTree.fromstring(content)  # noqa: S314 - without entities it is harmless
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise InputError(
            f"{shown(name, 'A file')} in the EPUB is damaged: save or download it again.", "file"
        ) from error


def _tag(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]
