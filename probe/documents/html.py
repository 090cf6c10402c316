"""HTML and XHTML: the text of block elements, a paragraph each; scripts, styles and navigation are left out.

Nothing is run, fetched or expanded: entities are those of HTML itself.
"""

from __future__ import annotations

import codecs
import re
from contextlib import suppress
from dataclasses import replace
from html.parser import HTMLParser

from probe.documents.document import Leaf, Line, Opened
from probe.documents.plain import decode

_BLOCKS = frozenset(
    "address article aside blockquote body caption dd div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 "
    "h6 header hr html legend li main ol option p pre section summary table tbody td tfoot th thead title tr ul".split()
)
_SILENT = frozenset("script style head nav template noscript svg math object iframe select button textarea".split())
_SUBSET = re.compile(r"<!DOCTYPE[^>\[]{0,500}\[")
_REST = re.compile(r"(?:<!--.*?-->|\"[^\"]*\"|'[^']*'|[^\]\"'<]|<(?!!--))*+\]\s*>", re.DOTALL)  # a value may hold ]>
_SECTIONS = (("<!--", "-->"), ("<![", "]]>"), ("<?", ">"))
_SPACES = re.compile(r"[ \t\r\n\f\v\u200b]+")
# take for ever, make surrogates, or could not be declared in letters of one byte
_NO_PAGES = ("punycode", "idna", "unicode-escape", "raw-unicode-escape", "utf-7", "utf-16", "utf-32")
_MEANT = {  # what browsers read under these names (WHATWG, Encoding)
    "ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "gb2312": "gb18030", "gbk": "gb18030",
    "shift_jis": "cp932", "euc_kr": "cp949",
}  # fmt: skip
_CHARSET = re.compile(rb"<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s*=\s*[\"']?\s*([A-Za-z0-9_-]{1,30})")


def html(content: bytes, label: str = "") -> Opened:
    """Raises InputError for what is no text."""
    text, warnings = _decode(content)
    reader = _Reader()
    reader.feed(_closed(text))
    reader.close()
    reader.end()
    if reader.open_since:
        tag, line = reader.open_since
        warnings = [*warnings, f"<{tag}> of line {line} has no end: what follows it was left out"]
    return Opened([_leaf(label, reader.lines)], warnings)


def _leaf(label: str, lines: list[Line]) -> Leaf:
    """Numbers the paragraphs of a page that was written without line breaks: the line of all would be the first."""
    if len(lines) > 1 and len({line.number for line in lines}) == 1:
        return Leaf(label, [replace(line, number=number) for number, line in enumerate(lines, 1)], unit="paragraph")
    return Leaf(label, lines)


def _decode(content: bytes) -> tuple[str, list[str]]:
    declared = _CHARSET.search(content[:4096])
    with suppress(LookupError, UnicodeError):  # no name of an encoding of text
        name = codecs.lookup(declared[1].decode()).name if declared else "utf-8"
        return decode(content, None if name.startswith(_NO_PAGES) else _MEANT.get(name, name))
    return decode(content)


def _closed(text: str) -> str:
    """Returns the page without comments and sections, and without what begins like a tag and never ends: the parser
    looks for the end of each as far as the page goes, which takes for ever where there are many.
    """
    if (subset := _SUBSET.search(text[:4096])) and (rest := _REST.match(text, subset.end())):
        text = text[: subset.start()] + "\n" * text.count("\n", subset.start(), rest.end()) + text[rest.end() :]
    elif subset:
        text = _without(text, subset[0], "]>")
    for begin, end in _SECTIONS:
        text = _without(text, begin, end)
    last = text.rfind(">") + 1
    return text[:last] + text[last:].replace("<", "&lt;")


def _without(text: str, begin: str, end: str) -> str:
    """Returns the text without what stands from a beginning to its end, or to the text's where there is none."""
    parts, place = [], 0
    while (found := text.find(begin, place)) >= 0:
        parts.append(text[place:found])
        closed = text.find(end, found + len(begin))
        if closed < 0:
            return "".join(parts)
        place = closed + len(end)
        parts.append("\n" * text.count("\n", found, place))  # lines keep their numbers
    return "".join([*parts, text[place:]])


class _Reader(HTMLParser):
    """lines: a paragraph each, numbered by the line of the source that it begins on."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[Line] = []
        self._parts: list[str] = []
        self._began = 1
        self._silent: list[str] = []
        self._since: list[int] = []  # their lines

    @property
    def open_since(self) -> tuple[str, int] | None:
        """The outermost element whose text is left out and that never ended, with its line; a head ends by itself."""
        return next((one for one in zip(self._silent, self._since, strict=True) if one[0] != "head"), None)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            del self._silent[:], self._since[:]  # the end of the head may be left out
        if tag in _SILENT:
            self._silent.append(tag)
            self._since.append(self.getpos()[0])
        if tag in _BLOCKS:
            self.end()
        elif tag == "br":
            self._parts.append(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self.end()
        elif tag == "br":
            self._parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT and tag in self._silent:  # what was left open within is closed too
            first = self._silent.index(tag)
            del self._silent[first:], self._since[first:]
        if tag in _BLOCKS:
            self.end()

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        if not self._parts:
            lead = len(data) - len(data.lstrip())
            self._began = self.getpos()[0] + data.count("\n", 0, lead)
        if self._parts or data.strip():
            self._parts.append(data)

    def end(self) -> None:
        """Ends a paragraph."""
        text = _SPACES.sub(" ", "".join(self._parts)).strip()
        self._parts = []
        if text:
            self.lines.append(Line(self._began, text, True))
