"""What a file becomes: leaves of lines as they stand in it, then a text of paragraphs that know where they are from.

A leaf is a page of a PDF, a file of an EPUB, the whole of any other document. No layout survives, but every paragraph
names its leaf and the line there that it begins on, so that what is found can be looked up in the original.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    """number: in its leaf, from 1. begins: a paragraph does here, as far as the file itself tells. text: not stripped
    of hyphens or ligatures yet.
    """

    number: int
    text: str
    begins: bool = False


@dataclass(frozen=True, slots=True)
class Leaf:
    """label: how the original calls it, such as "page 12". flows: its first line may go on with the leaf before."""

    label: str
    lines: Sequence[Line]
    flows: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """What a file's reader gives. mended: how often what was put right, by name."""

    leaves: Sequence[Leaf]
    warnings: Sequence[str] = ()
    mended: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """start, end: characters of Document.text. leaf: its index; line: where it begins there."""

    start: int
    end: int
    leaf: int
    line: int


@dataclass(frozen=True, slots=True)
class Document:
    """text: paragraphs with an empty line between. leaves: their labels. mended: how often what was put right, by name.

    hash: sha256:... of the file's bytes.
    """

    name: str
    kind: str
    text: str
    leaves: Sequence[str]
    paragraphs: Sequence[Paragraph]
    hash: str
    mended: Mapping[str, int] = field(default_factory=dict)
    warnings: Sequence[str] = ()

    def of(self, paragraph: Paragraph) -> str:
        return self.text[paragraph.start : paragraph.end]

    def place(self, character: int) -> str:
        """Returns where in the original the paragraph begins that holds this character of the text."""
        if not self.paragraphs:
            return ""
        one = self.paragraphs[max(0, bisect_right(self.paragraphs, character, key=lambda each: each.start) - 1)]
        label, line = self.leaves[one.leaf], one.line
        return f"{label}, line {line}" if label else f"line {line}"

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name, "kind": self.kind, "text": self.text, "leaves": list(self.leaves), "hash": self.hash,
            "paragraphs": [[one.start, one.end, one.leaf, one.line] for one in self.paragraphs],
            "mended": dict(self.mended), "warnings": list(self.warnings),
        }  # fmt: skip

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Document:
        paragraphs = [Paragraph(*one) for one in found["paragraphs"]]
        return cls(**{**found, "paragraphs": paragraphs})


def digest(content: bytes) -> str:
    return f"sha256:{sha256(content).hexdigest()}"
