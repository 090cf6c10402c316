"""Texts that were to be deleted, and texts of the same kind that no model saw: which of them can bear witness.

An unseen text that shares a run of words with a deleted one is none: the model before read most of it. Repeats and
near-copies within a group are no independent witnesses. All of them are left out, by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
import numpy.typing as npt

from probe.data.overlap import Seen
from probe.errors import InputError
from probe.types import Text

DELETED, UNSEEN = "deleted", "unseen"
FEWEST = 10  # unseen texts: they centre every model, and say how far a text that was never seen strays
SHARES = "shares a run of words with a deleted text, so the model before may have read it"


@dataclass(frozen=True, slots=True)
class Groups:
    """Texts with ids, and a line for each that was left out."""

    deleted: tuple[Text, ...]
    unseen: tuple[Text, ...]
    left_out: tuple[str, ...] = ()

    @property
    def every(self) -> tuple[Text, ...]:
        return self.deleted + self.unseen

    @property
    def hash(self) -> str:
        """Of the texts of both groups, in whatever order."""
        groups = ((DELETED, self.deleted), (UNSEEN, self.unseen))
        rows = sorted(f"{name}{text.text}".encode(errors="replace") for name, group in groups for text in group)
        return f"sha256:{sha256(b''.join(sha256(row).digest() for row in rows)).hexdigest()}"


def sort_out(deleted: Sequence[Text], unseen: Sequence[Text]) -> Groups:
    """Returns the texts that count. Raises InputError where too few are left."""
    lines: list[str] = []
    kept = _distinct(_named(deleted, DELETED), lines)
    seen = Seen(text.text for text in kept)
    free = []
    for text in _named(unseen, UNSEEN):
        if seen.shares(text.text):
            lines.append(f"{text.id}: {SHARES}")
        else:
            free.append(text)
    found = Groups(kept, _distinct(free, lines), tuple(lines))
    enough(len(found.deleted), len(found.unseen), found.left_out)
    return found


def enough(deleted: int, unseen: int, why: Sequence[str]) -> None:
    """Raises InputError for too few texts of a group; why: lines about those that do not count."""
    if deleted and unseen >= FEWEST:
        return
    rest = f" The first that was left out: {why[0]}." if why else ""
    raise InputError(
        f"A deletion is audited with at least 1 deleted and {FEWEST} unseen texts; there are {deleted} and {unseen}."
        f"{rest} Bring more texts of the same kind that none of the models was trained on.", UNSEEN,
    )  # fmt: skip


def units(texts: Sequence[Text]) -> npt.NDArray[np.int64]:
    """Returns the number of each text's unit, [texts]: texts of one source are one, others stand alone."""
    first: dict[object, int] = {}
    keys = [number if text.source is None else text.source for number, text in enumerate(texts)]
    return np.array([first.setdefault(key, len(first)) for key in keys], dtype=np.int64)


def _named(texts: Sequence[Text], group: str) -> list[Text]:
    return [text if text.id else replace(text, id=f"{group} text {n}") for n, text in enumerate(texts, 1)]


def _distinct(texts: Sequence[Text], lines: list[str]) -> tuple[Text, ...]:
    """Returns texts that neither repeat nor nearly copy an earlier one; adds a line for each other."""
    whole: dict[str, Text] = {}
    seen, kept = Seen(), []
    for text in texts:
        first = whole.setdefault(" ".join(text.text.split()), text)
        if first is not text:
            lines.append(f"{text.id}: repeats {first.id}")
        elif seen.copies(text.text):
            lines.append(f"{text.id}: a near-copy of others in its group")
        else:
            kept.append(text)
        seen.add(text.text)
    return tuple(kept)
