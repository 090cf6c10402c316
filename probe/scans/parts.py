"""Shards and parts as Parquet: what is to be scored, and what was said of it. A row of a part is one text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from probe.scans.requests import Request
from probe.scans.store import Store
from probe.types import Text

_TEXTS = pa.schema([
    ("row", pa.int64()), ("id", pa.string()), ("item", pa.int32()), ("item_id", pa.string()),
    ("text", pa.large_string()), ("error", pa.string()),
])  # fmt: skip
_RESULTS = pa.schema([
    ("row", pa.int64()), ("id", pa.string()), ("item", pa.int32()), ("item_id", pa.string()),
    ("text_sha256", pa.string()), ("verdict", pa.string()), ("p_value", pa.float64()), ("tested", pa.bool_()),
    ("q_value", pa.float64()),
    ("score", pa.float64()), ("evidence", pa.string()), ("tokens", pa.int64()), ("error", pa.string()),
    ("scores", pa.map_(pa.string(), pa.float64())), ("result", pa.large_string()),
])  # fmt: skip
_PROVENANCE = b"memprobe"
Row = dict[str, Any]


def folder_key(scan: str) -> str:
    """Of all that a scan writes."""
    return f"scans/{scan}"


def shards_key(scan: str) -> str:
    """Of what is to be scored."""
    return f"{folder_key(scan)}/shards"


def shard_key(scan: str, number: int) -> str:
    return f"{shards_key(scan)}/{number:06d}.parquet"


def raws_key(scan: str) -> str:
    """Of what was scored, without q-values."""
    return f"{folder_key(scan)}/scored"


def raw_key(scan: str, number: int) -> str:
    return f"{raws_key(scan)}/{number:06d}.parquet"


def part_key(scan: str, number: int) -> str:
    return f"{folder_key(scan)}/parts/{number:06d}.parquet"


@dataclass(frozen=True, slots=True)
class Asked:
    """One text of a shard; text is None where the row gives none, and error says why. item: its place in the row."""

    row: int
    id: str | None
    item: int
    text: Text | None
    error: str | None


def write_shard(store: Store, key: str, requests: Sequence[Request]) -> None:
    rows: list[Row] = []
    for one in requests:
        common = {"row": one.row, "id": one.id}
        rows += [
            {**common, "item": item, "item_id": text.id, "text": text.text, "error": None}
            for item, text in enumerate(one.texts)
        ] or [{**common, "item": 0, "item_id": None, "text": None, "error": one.error}]
    _write(store, key, rows, _TEXTS)


def read_shard(store: Store, key: str) -> list[Asked]:
    with store.reading(key) as file:
        rows = pq.read_table(file, schema=_TEXTS).to_pylist()
    return [
        Asked(r["row"], r["id"], r["item"], None if r["text"] is None else Text(r["text"], r["item_id"]), r["error"])
        for r in rows
    ]


def write_part(store: Store, key: str, rows: Sequence[Row], provenance: Row) -> None:
    """rows: with the columns of results; provenance: what they share."""
    _write(store, key, rows, _RESULTS.with_metadata({_PROVENANCE: json.dumps(provenance).encode()}))


def read_part(store: Store, key: str) -> tuple[list[Row], Row]:
    with store.reading(key) as file:
        table = pq.read_table(file)
    provenance: Row = json.loads(table.schema.metadata[_PROVENANCE])
    return [{**row, "scores": row["scores"] or []} for row in table.to_pylist()], provenance


def _write(store: Store, key: str, rows: Sequence[Row], schema: pa.Schema) -> None:
    table = pa.Table.from_pylist(list(rows), schema=schema)
    with store.writing(key) as file:
        pq.write_table(table, file, compression="zstd")
