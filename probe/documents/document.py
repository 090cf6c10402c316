"""What a file becomes: leaves of lines as they stand in it, then a text of paragraphs that know where they are from.

A leaf is a page of a PDF, a file of an EPUB, the whole of any other document. No layout survives, but every line knows
its leaf and its number there, so that what is found can be looked up in the original.
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
    """label: how the original calls it, such as "page 12". flows: its first line may go on with the leaf before. unit:
    what its lines are called.
    """

    label: str
    lines: Sequence[Line]
    flows: bool = False
    unit: str = "line"


@dataclass(frozen=True, slots=True)
class Opened:
    """What a file's reader gives. mended: how often what was put right, by name."""

    leaves: Sequence[Leaf]
    warnings: Sequence[str] = ()
    mended: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """start, end: characters of Document.text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Place:
    """start: where a line of the file begins in Document.text. leaf: its index; line: its number there."""

    start: int
    leaf: int
    line: int


@dataclass(frozen=True, slots=True)
class Document:
    """text: paragraphs with an empty line between. leaves: their labels; units: what the lines of each are called.
    mended: how often what was put right, by name. hash: sha256:... of the file's bytes.
    """

    name: str
    kind: str
    text: str
    leaves: Sequence[str]
    paragraphs: Sequence[Paragraph]
    lines: Sequence[Place]
    hash: str
    mended: Mapping[str, int] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    units: Sequence[str] = ()

    def of(self, paragraph: Paragraph) -> str:
        return self.text[paragraph.start : paragraph.end]

    def place(self, character: int) -> str:
        """Returns where in the original the line is that holds this character of the text."""
        if not self.lines:
            return ""
        one = self.lines[max(0, bisect_right(self.lines, character, key=lambda each: each.start) - 1)]
        label, unit = self.leaves[one.leaf], self.units[one.leaf] if self.units else "line"
        return f"{label}, {unit} {one.line}" if label else f"{unit} {one.line}"

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name, "kind": self.kind, "text": self.text, "leaves": list(self.leaves), "hash": self.hash,
            "paragraphs": [[one.start, one.end] for one in self.paragraphs],
            "lines": [[one.start, one.leaf, one.line] for one in self.lines],
            "mended": dict(self.mended), "warnings": list(self.warnings), "units": list(self.units),
        }  # fmt: skip

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Document:
        paragraphs, lines = ([kind(*one) for one in found[name]] for kind, name in _PARTS)
        return cls(**{**found, "paragraphs": paragraphs, "lines": lines})


_PARTS: tuple[tuple[Any, str], ...] = ((Paragraph, "paragraphs"), (Place, "lines"))


def digest(content: bytes) -> str:
    return f"sha256:{sha256(content).hexdigest()}"
