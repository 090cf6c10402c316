"""An author's own wordings of passages, one of which is to be published: rows {"id", "texts": [...]}."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from probe.data.rows import Raw, Unreadable, is_unicode, rows
from probe.errors import InputError


@dataclass(frozen=True, slots=True)
class Variants:
    """texts: two or more, all different, without white space around them."""

    id: str
    texts: tuple[str, ...]


def read_variants(path: Path) -> tuple[list[Variants], list[str]]:
    """Returns the passages, and a line for each row that gives none. Raises InputError where no row does."""
    if not path.is_file():
        raise InputError(f"No file {path}.", "variants")
    found: dict[str, Variants] = {}
    broken: list[str] = []
    for row in rows(path).rows:
        one = _variants(row) if isinstance(row, Raw) else row
        if isinstance(one, Variants) and one.id in found:
            one = Unreadable(row.row, f'the id "{one.id}" was used before')
        if isinstance(one, Unreadable):
            broken.append(f"{path}, row {one.row}: {one.reason}")
        else:
            found[one.id] = one
    if not found:
        why = broken[0] if broken else f"{path} is empty"
        raise InputError(f'No row gives wordings to draw from: {why}. A row is {{"id", "texts": [two or more]}}.')
    return list(found.values()), broken


def _variants(row: Raw) -> Variants | Unreadable:
    value = row.value if isinstance(row.value, dict) else {}
    name, texts = value.get("id"), value.get("texts")
    if not isinstance(texts, list) or not all(isinstance(text, str) and is_unicode(text) for text in texts):
        return Unreadable(row.row, 'no list of strings under "texts"')
    stripped = tuple(text.strip() for text in texts)
    if len(stripped) < 2 or len(set(stripped)) < len(stripped) or "" in stripped:
        return Unreadable(row.row, "there must be two texts or more, none empty and no two the same")
    if not is_unicode(str(name)):
        return Unreadable(row.row, 'the "id" is not valid Unicode')
    return Variants(f"row-{row.row}" if name is None else str(name), stripped)
