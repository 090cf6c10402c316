"""Plain text and Markdown: lines as they stand, paragraphs where a line is empty."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from probe.documents.document import Leaf, Line, Opened
from probe.errors import InputError

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_LINK = re.compile(r"!?\[([^\[\]\n]{0,500})\]\([^()\s\n]{0,1000}(?: [^()\n]{0,200})?\)")
_EMPHASIS = re.compile(r"(?<![\w*_])(\*{1,3}|_{1,3})(?=\S)([^*_\n]{1,500})(?<=\S)\1(?![\w*_])")
_LEAD = re.compile(r"^\s{0,3}(#{1,6}|>|[-*+]|\d{1,3}[.)])\s+")
_ACCENTED = 0.25  # of characters: Vietnamese has fewer beyond ASCII, Shift-JIS, GB 18030 and KOI8-R more
_RULE = re.compile(r"^\s{0,3}([-*_=])(\s*\1){2,}\s*$")


def plain(content: bytes) -> Opened:
    """Raises InputError for what is no text."""
    text, warnings = decode(content)
    return Opened([Leaf("", _lines(_split(text)))], warnings)


def markdown(content: bytes) -> Opened:
    """The same without marks of headings, lists, emphasis and links: they are no words of the text."""
    text, warnings = decode(content)
    return Opened([Leaf("", list(_unmarked(_lines(_split(text)))))], warnings)


def decode(content: bytes, declared: str | None = None) -> tuple[str, list[str]]:
    """Returns the characters, and a warning where the bytes are no Unicode and the file itself tells no encoding.

    declared: a codec's name; a byte order mark goes before it.

    Raises InputError for what is no text, or in an encoding of another script.
    """
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), declared or "utf-8")
    try:
        text, warnings = content.decode(encoding), []
    except UnicodeDecodeError:
        text, warnings = content.decode("cp1252", errors="replace"), ["no valid UTF-8: read as Windows-1252"]
        if sum(character > "\x7f" for character in text) > _ACCENTED * len(text):
            raise InputError(
                "The file is neither UTF-8 nor Windows-1252, and another encoding would be a guess. Save it as UTF-8.",
                "file",
            ) from None
    if "\0" in text:
        raise InputError("The file is no text: it holds zero bytes. Save it as UTF-8 text.", "file")
    return text, warnings


def _split(text: str) -> list[str]:
    """Returns the lines as editors and `grep -n` number them; str.splitlines ends some at form feeds, too."""
    return re.split("\r\n|\r|\n", text)


def _lines(raw: list[str]) -> list[Line]:
    found, begins = [], True
    for number, text in enumerate(raw, 1):
        if text.strip():
            found.append(Line(number, text, begins))
        begins = not text.strip()
    return found


def _unmarked(lines: list[Line]) -> Iterator[Line]:
    after = False  # a heading ends with its line
    for line in lines:
        lead = _LEAD.match(line.text)
        text = "" if _RULE.match(line.text) else line.text[lead.end() :] if lead else line.text
        text = _LINK.sub(r"\1", text)
        for _ in range(2):  # bold within italics
            text = _EMPHASIS.sub(r"\2", text)
        yield Line(line.number, text, line.begins or after or not text or bool(lead and lead[1] != ">"))
        after = bool(lead and lead[1][0] == "#")
