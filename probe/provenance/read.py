"""Records read back from a file: as the command line writes them, or a service's answers, which share what they can."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from probe.data.read import Unreadable
from probe.errors import InputError
from probe.provenance.record import VERSION, Provenance, Record


def read_records(data: bytes, name: str) -> Iterator[Record | Unreadable]:
    """Yields the records of a file's bytes: one JSON object, a list of them, one per line, or a service's answers.

    Raises InputError where there is none.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8: invalid at byte {error.start}.") from error
    try:
        whole = _json(text)
        rows = whole if isinstance(whole, list) else [whole]
        lines: list[tuple[int, Any]] = list(enumerate(rows, 1))
    except (ValueError, RecursionError):
        lines = [(number, _value(line)) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:
        raise InputError(f"There is no result in {name}.")
    for number, row in lines:
        for one in _results_of(row):
            yield _record(number, one)


def load_records(path: Path) -> list[Record | Unreadable]:
    """Raises InputError where the file as a whole cannot be read."""
    try:
        return list(read_records(path.read_bytes(), path.name))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error


def _value(line: str) -> Any:
    """Returns what a line holds, or the error that says why it cannot be read."""
    try:
        return _json(line)
    except (ValueError, RecursionError) as error:
        return error


def _results_of(row: Any) -> Iterator[Any]:
    """Yields the results of a service's answer, each with its provenance; else the row itself."""
    if not (isinstance(row, dict) and isinstance(row.get("results"), list) and isinstance(row.get("provenance"), dict)):
        yield row
        return
    shared = {**row["provenance"], "fingerprint": row.get("fingerprint")}
    for result in row["results"]:
        if not isinstance(result, dict):
            yield result
            continue
        own = {key: value for key, value in result.items() if key != "text_sha256"}
        yield {**own, "provenance": {**shared, "text_sha256": result.get("text_sha256")}}


def _record(number: int, row: Any) -> Record | Unreadable:
    from pydantic import TypeAdapter, ValidationError

    if isinstance(row, Exception):
        return Unreadable(number, f"invalid JSON: {row}")
    if not isinstance(row, dict) or "provenance" not in row:
        return Unreadable(
            number,
            "no provenance: write results with memprobe probe --json or --record, or keep a service's whole answer",
        )
    result = {name: value for name, value in row.items() if name != "provenance"}
    try:
        found = TypeAdapter(Provenance).validate_json(json.dumps(row["provenance"]), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        return Unreadable(number, f"no record: provenance.{'.'.join(map(str, first['loc']))}: {first['msg']}")
    except (ValueError, RecursionError) as error:
        return Unreadable(number, f"invalid JSON: {error}")
    if found.version != VERSION:
        return Unreadable(number, f"a record of version {found.version}, not {VERSION}: use the memprobe that wrote it")
    return Record(result, found)


def _json(text: str) -> Any:
    return json.loads(text, parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no figure")
