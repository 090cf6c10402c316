"""What was deleted: noted with the deletion itself, so that it goes through although store, cache or process fail then.

A note holds an id and a place, nothing else. It outlives the deletion, for the caches of other machines, and for what a
worker wrote that did not know of it yet.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import Connection, or_, select

from probe.scans.tables import DELETED

AGAIN = 2 * 86_400.0  # seconds in which somebody may still have written what was deleted
KEPT = 400 * 86_400.0  # seconds that a machine may take to ask
_AT_ONCE = 500  # names in one query


def note(connection: Connection, name: str, key: str) -> None:
    """key: in the store, below which everything is to go."""
    connection.execute(DELETED.insert().values(id=name, key=key, since=time.time(), left_over=True))


def settle(connection: Connection, name: str) -> None:
    """Nothing is left of it here."""
    connection.execute(DELETED.update().where(DELETED.c.id == name).values(left_over=False))


def unsettled(connection: Connection) -> list[tuple[str, str, bool]]:
    """Returns id and key of what may be there still, and whether it is known to be; drops notes that are of no use."""
    now = time.time()
    connection.execute(DELETED.delete().where(DELETED.c.since < now - KEPT, DELETED.c.left_over.is_(False)))
    query = select(DELETED).where(or_(DELETED.c.left_over, DELETED.c.since > now - AGAIN))
    return [(row.id, row.key, row.left_over) for row in connection.execute(query)]


def among(connection: Connection, names: Sequence[str]) -> list[str]:
    """Returns those of the names that were deleted."""
    parts = [names[begin : begin + _AT_ONCE] for begin in range(0, len(names), _AT_ONCE)]
    queries = [select(DELETED.c.id).where(DELETED.c.id.in_(part)) for part in parts]
    return [name for query in queries for name in connection.execute(query).scalars()]
