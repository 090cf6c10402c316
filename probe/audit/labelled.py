"""Labelled texts in: members and non-members, from one file with labels or from a file of each.

The columns are guessed where nobody names them: `text` (ours, ArxivMIA), `input` (WikiMIA) or `snippet` (BookMIA), and
`label`, 1 or "member" for what the target saw. MIMIR has a file of each, whose rows are bare strings, or on the hub
rows that hold one of each, in `member` and `nonmember`. A repeated text counts once, for repeats are no independent
evidence; one that is labelled both ways does not count at all.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from probe.data.hub import SCHEME, hub_rows
from probe.data.read import Columns, text_of
from probe.data.rows import Raw, Unreadable, rows
from probe.errors import InputError
from probe.types import Text

TEXTS = ("text", "input", "snippet")
LABEL = "label"
PAIR = ("member", "nonmember")
_LABELS = {"1": True, "1.0": True, "true": True, "member": True, "0": False, "0.0": False, "false": False}
_LABELS |= dict.fromkeys(("nonmember", "non-member", "non_member"), False)


@dataclass(frozen=True, slots=True)
class LabelledColumns:
    """Names of the fields, None for those to be guessed."""

    text: str | None = None
    label: str | None = None
    id: str = "id"


@dataclass(frozen=True, slots=True)
class Entry:
    """A text and whether the target was trained on it. `place` is where it stands, for messages."""

    text: Text
    member: bool
    place: str = ""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Distinct texts, and a line for each row that was left out."""

    entries: tuple[Entry, ...]
    left_out: tuple[str, ...] = ()


GUESS = LabelledColumns()


def read_labelled(
    sources: Sequence[str] = (), members: Sequence[str] = (), nonmembers: Sequence[str] = (),
    columns: LabelledColumns = GUESS,
) -> Labelled:  # fmt: skip
    """Reads files, or datasets (`hf:NAME[/CONFIG]:SPLIT`): sources with a label per row, or members and nonmembers.

    Raises InputError where one cannot be read as a whole, or where all of them together lack a kind.
    """
    given = [(sources, None), (members, True), (nonmembers, False)]
    every = [row for group, label in given for source in group for row in _read(source, label, columns)]
    found = distinct([row for row in every if isinstance(row, Entry)])
    left_out = tuple(row for row in every if isinstance(row, str)) + found.left_out
    return both_kinds(Labelled(found.entries, left_out), "Give a file with labels, or --members and --nonmembers.")


def both_kinds(found: Labelled, remedy: str) -> Labelled:
    """Returns what it is given. Raises InputError, which ends in the remedy, where a kind is missing."""
    count, left_out = sum(entry.member for entry in found.entries), found.left_out
    if not count or count == len(found.entries):
        why = f" Left out: {left_out[0]}{' ...' if len(left_out) > 1 else ''}." if left_out else ""
        raise InputError(
            f"An evaluation takes members and non-members; there are {count} and {len(found.entries) - count}.{why} "
            f"{remedy}"
        )
    return found


def distinct(entries: Iterable[Entry]) -> Labelled:
    """Leaves out repeats, and texts that are labelled both ways."""
    first: dict[str, Entry] = {}
    doubted: dict[str, str] = {}
    repeats = []
    for entry in entries:
        key = entry.text.text.strip()
        earlier = first.setdefault(key, entry)
        if earlier.member != entry.member:
            doubted[key] = f"{entry.place}: labelled otherwise than the same text, {earlier.place}; neither counts"
        elif earlier is not entry:
            repeats.append(f"{entry.place}: repeats {earlier.place}")
    kept = tuple(entry for key, entry in first.items() if key not in doubted)
    return Labelled(kept, (*repeats, *doubted.values()))


def label_of(value: object) -> bool | None:
    """Returns what a label says, None for what says nothing."""
    return _LABELS.get(str(value).strip().lower())


def _read(source: str, label: bool | None, columns: LabelledColumns) -> Iterator[Entry | str]:
    """Yields the entries of one source, and a line for each row that is none."""
    table = hub_rows(source) if source.startswith(SCHEME) else rows(Path(source))
    name = source if source.startswith(SCHEME) else Path(source).name
    named = table.columns is not None and not _paired(table.columns, label, columns)
    chosen = _guess(table.columns or [], label, columns, name) if named else None
    for row, said in chain.from_iterable(_parts(row, label, columns) for row in table.rows):
        found: Entry | Unreadable
        try:
            if chosen is None and isinstance(row, Raw) and isinstance(row.value, dict):  # the first that fits decides
                chosen = _guess(list(row.value), said, columns, name)
            found = row if isinstance(row, Unreadable) else _entry(row, said, chosen or columns, name)
        except InputError as error:
            found = Unreadable(row.row, str(error).rstrip("."))
        yield f"{name}, row {found.row}: {found.reason}" if isinstance(found, Unreadable) else found


def _paired(there: Container[str], label: bool | None, columns: LabelledColumns) -> bool:
    """True where a row holds a member and a non-member, and nobody said to read it otherwise."""
    return label is None and columns.text is None and columns.label is None and all(one in there for one in PAIR)


def _parts(
    row: Raw | Unreadable, label: bool | None, columns: LabelledColumns
) -> Iterator[tuple[Raw | Unreadable, bool | None]]:
    """Yields what a row holds, with what is known of its label."""
    if isinstance(row, Raw) and isinstance(row.value, dict) and _paired(row.value, label, columns):
        yield from ((Raw(row.row, row.value[kind]), kind == PAIR[0]) for kind in PAIR)
    else:
        yield row, label


def _guess(there: Sequence[str], label: bool | None, columns: LabelledColumns, name: str) -> LabelledColumns:
    """Raises InputError where the columns at hand leave open which is meant."""
    texts = [columns.text] if columns.text else [column for column in TEXTS if column in there]
    if len(texts) != 1 or texts[0] not in there:
        why = f"columns {' and '.join(texts)} that may hold the texts" if len(texts) > 1 else "no column of texts"
        raise InputError(f"{name} has {why}, among {', '.join(there)}. Name it with --text-column.", "text_column")
    wanted = columns.label or LABEL
    if label is None and wanted not in there:
        raise InputError(
            f"{name} has no column {wanted}, only {', '.join(there)}. Name the one that says 1 or member for members "
            "with --label-column, or give --members and --nonmembers.", "label_column",
        )  # fmt: skip
    return LabelledColumns(texts[0], wanted, columns.id)


def _entry(row: Raw, label: bool | None, columns: LabelledColumns, name: str) -> Entry | Unreadable:
    text = text_of(row, Columns(columns.text or TEXTS[0], columns.id))
    if isinstance(text, Unreadable):
        return text
    member = label
    if label is None:
        value = row.value.get(columns.label) if isinstance(row.value, dict) else None
        member = label_of(value)
    if member is None:
        return Unreadable(row.row, "no label that says 1 or 0, true or false, member or nonmember")
    return Entry(text, member, f"{name}, row {row.row}")
