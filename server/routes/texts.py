"""The texts of a request."""

from __future__ import annotations

from collections.abc import Sequence

from probe.errors import InputError
from probe.types import Text
from server.operation.asked import note
from server.schemas.entries import Entry, NoText


def texts_of(entries: Sequence[str | Entry | NoText], limit: int) -> list[Text]:
    """Returns texts with their ids. Raises InputError for more of them than the limit."""
    if len(entries) > limit:
        raise InputError(f"{len(entries):,} texts; one request takes at most {limit:,}. Send several.", "input")
    note(texts=len(entries))
    return [_text(entry) for entry in entries]


def _text(entry: str | Entry | NoText) -> Text:
    if isinstance(entry, str):
        return Text(entry)
    return Text(entry.text, entry.id) if isinstance(entry, Entry) else Text("", entry.id, refused=entry.reason)
