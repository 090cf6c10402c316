"""What a ledger speaks of: scans, their tasks, and how far they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["split", "score", "finish"]
OPEN = ("validating", "in_progress", "finalizing", "cancelling")


@dataclass(frozen=True, slots=True)
class Scan:
    """status: as OpenAI's batches. times: seconds by name of the event. source: where the rows are. note: what a user
    should know while it goes on. Once all rows were read: batch, size and hash of all texts and how many non-members
    they are held against; blind, what the blind gate found of a sample.
    """

    id: str
    owner: str
    model: str
    status: str
    paused: bool
    created: float
    source: dict[str, Any]
    options: dict[str, Any]
    metadata: dict[str, str]
    rows: int
    split: bool
    times: dict[str, float]
    error: str | None
    note: str | None
    batch: dict[str, Any] | None
    blind: list[Any] | None


@dataclass(frozen=True, slots=True)
class Task:
    """trying: rows [begin, end) and known culprits of a shard whose worker died more than once (poison.py)."""

    scan: Scan
    kind: Kind
    number: int
    attempts: int
    trying: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Done:
    """Rows by how they ended, of the shards that are done, and how many shards there are."""

    good: int
    bad: int
    shards: int
    shards_done: int
    first: float | None
    last: float | None
