"""Texts -> documents, the unit of every test here: passages of one document are no independent witnesses.

A text names its document in `source`; one that names none is a document of its own. Repeated texts and near-copies
count once. Where a control and a suspect text share a run of words neither counts: the control would be a member
wherever the suspect is, and leaving out one side alone would make random halves of one set differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from probe.data.overlap import Seen, without_copies
from probe.documents.words import words
from probe.errors import InputError
from probe.models.base import Engine
from probe.types import Text, Tokens

PASSAGE = 128  # tokens of a passage of a whole document, where no calibration says what it covers
_ROOM = 0.75  # of the most tokens: passages are cut by words, and some words take many tokens


@dataclass(frozen=True, slots=True)
class Document:
    name: str
    texts: tuple[Text, ...]

    @property
    def whole(self) -> str:
        return "\n".join(text.text for text in self.texts)


@dataclass(frozen=True, slots=True)
class Sets:
    """suspect, controls: documents; copies: texts left out of the controls, for they share a run of words with a
    suspect one; notes: what was left out and why.
    """

    suspect: list[Document]
    controls: list[Document]
    copies: int = 0
    notes: tuple[str, ...] = ()


def group(texts: Sequence[Text]) -> list[Document]:
    """Returns the documents in the order in which they begin."""
    found: dict[object, list[Text]] = {}
    for number, text in enumerate(texts):
        found.setdefault(number if text.source is None else text.source, []).append(text)
    return [
        Document(kept[0].id or str(key) if isinstance(key, int) else str(key), tuple(kept))
        for key, kept in found.items()
    ]


def sort_out(suspect: Sequence[Text], controls: Sequence[Text]) -> Sets:
    """Groups texts into documents; leaves out repeats, and texts that share a run of words with the other side."""
    mine, theirs = _unique(suspect), _unique(controls)
    free = [_free(mine, theirs), _free(theirs, mine)]
    kept = [without_copies(side, lambda text: text.text) for side in free]
    notes = [
        f"{count:,} {what}"
        for count, what in (
            (len(suspect) + len(controls) - len(mine) - len(theirs), "repeated texts were left out"),
            (len(theirs) - len(free[1]), "controls that share a run of words with a suspect text were left out"),
            (len(mine) - len(free[0]), "suspect texts that share a run of words with a control were left out"),
            (sum(map(len, free)) - sum(map(len, kept)), "near-copies of others on their side were left out"),
        )
        if count
    ]
    return Sets(group(kept[0]), group(kept[1]), len(theirs) - len(free[1]), tuple(notes))


def check_named(path: Path, texts: Sequence[Text], column: str, asked: bool) -> str | None:
    """Returns a warning where no row of a file names its document; asked: whether the caller named the column.

    Raises InputError where the caller did: a column that is not there is a slip, and passages of one document that
    count as independent make a `member` of little evidence.
    """
    if not texts or any(text.source is not None for text in texts):
        return None
    lost = f'{path}: no row names a document under "{column}"'
    if asked:
        raise InputError(f"{lost}. Name the field that does with --document-column.", "document_column")
    if len(texts) == 1:
        return None
    return (
        f"{lost}, so each of its {len(texts):,} rows counts as a document of its own, and passages of one document "
        "would count as independent; name the field that holds it with --document-column"
    )


def _free(texts: Sequence[Text], others: Sequence[Text]) -> list[Text]:
    seen = Seen(text.text for text in others)
    return [text for text in texts if not seen.shares(text.text)]


def _unique(texts: Sequence[Text]) -> list[Text]:
    found: dict[str, Text] = {}
    for text in texts:
        found.setdefault(" ".join(text.text.split()), text)
    return list(found.values())


def passages(text: Text, engine: Engine, most: int = PASSAGE) -> list[Text]:
    """Cuts a whole document, the source of all of them, into runs of words of about `most` tokens at most.

    The rest at the end goes with the last passage but one where it is less than half a passage.
    """
    whole = " ".join(text.text.split())  # lines may be broken anyhow
    places = words(whole)
    (tokens,) = engine.tokenize([whole])
    if not places or not isinstance(tokens, Tokens):
        return [replace(text, source=text.source or text.id)]
    size = max(1, int(_ROOM * most * len(places) / len(tokens.ids)))
    count = max(1, round(len(places) / size))
    bounds = [round(number * len(places) / count) for number in range(count + 1)]
    return [
        Text(whole[places[begin][0] : places[end - 1][1]], f"{text.id}#{number}", text.source or text.id)
        for number, (begin, end) in enumerate(pairwise(bounds))
    ]
