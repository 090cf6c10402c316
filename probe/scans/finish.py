"""All parts -> the answer: q-values over the whole scan, parts and lines with them, a summary. May be done again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from typing import IO, Any

from probe.calibration.conformal import q_values_of
from probe.scans.ledger import Ledger
from probe.scans.nouns import Task
from probe.scans.options import ScanOptions
from probe.scans.parts import Row, folder_key, part_key, raw_key, read_part, write_part
from probe.scans.poison import Alive
from probe.scans.store import Store
from probe.scans.summary import Summary


def output_key(scan: str) -> str:
    return f"{folder_key(scan)}/output.jsonl"


def errors_key(scan: str) -> str:
    return f"{folder_key(scan)}/errors.jsonl"


def summary_key(scan: str) -> str:
    return f"{folder_key(scan)}/summary.json"


def finish(store: Store, ledger: Ledger, task: Task, alive: Alive) -> None:
    """Writes the files of a scan out of its scored parts, one part in memory at a time."""
    scan, options = task.scan, ScanOptions.of_stored(task.scan.options)
    counts: Counter[float] = Counter()
    shards = ledger.shards(scan.id)
    for number in shards:
        counts.update({float(p): times for p, times in ledger.counts(scan.id, number).items()})
    q_values = q_values_of(counts)
    summary = Summary(counts, options.q, (scan.batch or {}).get("nonmembers", 0))
    with ExitStack() as stack:
        output, errors = (stack.enter_context(store.writing(key(scan.id))) for key in (output_key, errors_key))
        for number in shards:
            alive()
            rows, shared = read_part(store, raw_key(scan.id, number))
            shared["batch"] = {name: scan.batch[name] for name in ("size", "sha256")} if scan.batch else None
            for row in rows:
                row["q_value"] = q_values[row["p_value"]] if row["tested"] else None
                summary.add(row)
            write_part(store, part_key(scan.id, number), rows, shared)
            for request in _requests(rows):
                _write(output, errors, request, shared, task, options)
    with store.writing(summary_key(scan.id)) as file:
        file.write(json.dumps(summary.as_dict(scan, options), indent=1).encode() + b"\n")
    store.sweep(folder_key(scan.id))


def _requests(rows: Sequence[Row]) -> Iterator[list[Row]]:
    return (list(group) for _, group in groupby(rows, key=lambda row: row["row"]))


def _write(
    output: IO[bytes], errors: IO[bytes], request: list[Row], shared: Row, task: Task, options: ScanOptions
) -> None:  # fmt: skip
    good = any(row["error"] is None for row in request)
    if options.whole:
        line = _envelope(request, shared, task) if good else _refused(request[0], task)
        (output if good else errors).write(_line(line))
        return
    for row in request:
        if row["error"] is None:
            output.write(
                _line({"row": row["row"], **_result(row), "provenance": {**shared, "text_sha256": row["text_sha256"]}})
            )
        else:
            errors.write(_line({"row": row["row"], "id": row["id"], "error": row["error"]}))


def _envelope(request: list[Row], shared: Row, task: Task) -> dict[str, Any]:
    """Returns a line of the output file: the answer that /v1/probe gives to the row."""
    first = request[0]
    rest = {name: value for name, value in shared.items() if name != "fingerprint"}
    body = {
        "id": f"probe-{task.scan.id}-{first['row']}", "object": "probe", "model": task.scan.model,
        "calibration": (shared["calibration"] or {}).get("name"),
        "usage": {"tokens": sum(row["tokens"] or 0 for row in request)},
        "results": [{**_result(row), "text_sha256": row["text_sha256"]} for row in request],
        "fingerprint": shared["fingerprint"], "provenance": rest,
    }  # fmt: skip
    return _outer(first, task) | {
        "response": {"status_code": 200, "request_id": body["id"], "body": body}, "error": None,
    }  # fmt: skip


def _refused(row: Row, task: Task) -> dict[str, Any]:
    return _outer(row, task) | {"response": None, "error": {"code": "invalid_value", "message": row["error"]}}


def _outer(row: Row, task: Task) -> dict[str, Any]:
    return {"id": f"{task.scan.id}-{row['row']}", "custom_id": row["id"], "row": row["row"]}


def _result(row: Row) -> dict[str, Any]:
    """Returns the result as it was judged, with its q-value and the row's own id."""
    result = json.loads(row["result"]) if row["result"] else {"index": row["item"], "error": row["error"]}
    name = row["item_id"] if row["item_id"] is not None else row["id"]
    return {**result, "id": name, "q_value": row["q_value"]}


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"
