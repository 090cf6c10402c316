"""Windows of real books and who is what: a base's texts, and members and others dealt from one shuffled deck."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from probe.calibration.aside import set_aside
from probe.calibration.known import Known
from probe.data.overlap import Seen
from probe.demo.passages import sentences
from probe.types import Text

SHORTEST, LONGEST = 64, 128  # tokens of a window
REPEATED = 3  # a paragraph that a book holds so often is a form, not a text
SIZES = {
    "tuning_members": 500, "known_members": 500, "members": 3000, "tuning": 500, "known": 5000, "nonmembers": 3000,
    "others": 2000,
}  # fmt: skip
MEMBERS = ("tuning_members", "known_members", "members")
Length = Callable[[str], int]


@dataclass(frozen=True)
class Deal:
    """Windows by role; a window's source is its book. known: non-members, of which some adapt the reference and the
    others calibrate. others: train the sibling.
    """

    roles: dict[str, list[Text]]

    def __getitem__(self, role: str) -> list[Text]:
        return self.roles[role]

    @property
    def trained(self) -> list[str]:
        return [text.text for role in MEMBERS for text in self.roles[role]]

    @cached_property
    def set_aside(self) -> tuple[list[Text], Known]:
        """What the reference is adapted to and what calibrates, parted as `memprobe calibrate --adapt` does."""
        groups = (self.roles[role] for role in ("known", "known_members", "tuning", "tuning_members"))
        return set_aside(Known(*groups, basis="split", distinct=True))


def base_paragraphs(folder: Path) -> list[str]:
    """Six novels and the two halves of wikitext-2."""
    files = [*sorted((folder / "gutenberg").glob("*.txt")), *sorted((folder / "wikitext-2").glob("*.txt"))]
    return [paragraph for path in files for paragraph in paragraphs(path) if len(paragraph.split()) > 3]


def paragraphs(path: Path) -> Iterator[str]:
    """Yields paragraphs without headings, all sources in one typography."""
    text = path.read_text("utf-8-sig", errors="ignore")
    spaced = "wikitext" in str(path)
    for part in text.splitlines() if spaced else re.split(r"\n\s*\n", text):
        flat = plain(joined(part) if spaced else part)
        if flat and not flat.startswith(("#", "=")):
            yield flat


def plain(text: str) -> str:
    """Returns a text with straight quotes and dashes, without marks of emphasis.

    A base that has seen curly quotes only learns straight ones from any text of a book, members or not: a tenth of what
    non-members gained was that.
    """
    return " ".join(re.sub(r"[*_\\]", "", text.translate(_PRINTED)).split())


def joined(text: str) -> str:
    """Returns a line of wikitext without the spaces round its marks."""
    text = re.sub(r" @(.)@ ", r"\1", text.replace("<unk>", ""))
    text = re.sub(r"\s+([,.;:!?%)\]]|'s\b|n't\b)", r"\1", text)
    return re.sub(r'" ([^"]*) "', r'"\1"', re.sub(r"([(\[])\s+", r"\1", text))


_PRINTED = str.maketrans({
    "\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'", "\u2014": "--", "\u2013": "-", "\u2011": "-",
    "\u2026": "...",
})  # fmt: skip


def windows(folder: Path, length: Length, seen: Seen) -> list[Text]:
    """Returns windows of whole sentences of ten books, none a near-copy of what was seen or of another."""
    found = []
    for path in sorted((folder / "classic_books").glob("*.md")):
        for text in packed(_unrepeated(path), length):
            if not seen.shares(text):
                found.append(Text(text, source=path.stem))
            seen.add(text)
    return found


def _unrepeated(path: Path) -> list[str]:
    """Leaves out signatures and forms of address, which stand in members and non-members alike."""
    every = list(paragraphs(path))
    counts = Counter(every)
    return [part for part in every if counts[part] < REPEATED]


def packed(parts: Iterable[str], length: Length, longest: int = LONGEST) -> Iterator[str]:
    """Yields windows of as many whole sentences as LONGEST tokens hold, SHORTEST at least; a sentence that is longer
    stands alone where `longest` allows it, else it is lost.
    """
    current, size = "", 0
    for sentence in (s for paragraph in parts for s in sentences(paragraph)):
        grown = f"{current} {sentence}".strip()
        grown_size = length(grown)
        if grown_size > LONGEST:
            if SHORTEST <= size <= longest:
                yield current
            grown, grown_size = sentence, length(sentence)
        current, size = grown, grown_size
    if SHORTEST <= size <= longest:
        yield current


def deal(deck: Sequence[Text], seed: int, share: float = 1.0) -> Deal:
    """Deals a shuffled deck by SIZES, or by this share of them."""
    sizes = {role: int(size * share) for role, size in SIZES.items()}
    if len(deck) < sum(sizes.values()):
        raise SystemExit(f"{len(deck)} windows; {sum(sizes.values())} are needed")
    hands = iter(random.Random(seed).sample(deck, len(deck)))
    return Deal({role: [next(hands) for _ in range(size)] for role, size in sizes.items()})
