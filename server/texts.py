"""The texts of a request."""

from __future__ import annotations

from collections.abc import Sequence

from probe.errors import InputError
from probe.types import Text
from server.asked import note
from server.schemas import Entry


def texts_of(entries: Sequence[str | Entry], limit: int) -> list[Text]:
    """Returns texts with their ids. Raises InputError for more of them than the limit."""
    if len(entries) > limit:
        raise InputError(f"{len(entries):,} texts; one request takes at most {limit:,}. Send several.", "input")
    note(texts=len(entries))
    return [Text(entry) if isinstance(entry, str) else Text(entry.text, entry.id) for entry in entries]
