"""A shard -> a part: its texts are measured and judged, and written as rows, in order."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from probe.calibration.batch import regated
from probe.data.hashed import text_hash
from probe.pipeline import Probe
from probe.provenance.record import Hashes, Sources, plain, shared_by
from probe.response import result_dict
from probe.scans.nouns import Task
from probe.scans.options import ScanOptions
from probe.scans.parts import Asked, Row, raw_key, read_shard, shard_key, write_part
from probe.scans.poison import CALM, Alive, Culprit, Note, careful, isolated
from probe.scans.store import Store
from probe.types import Result


def score_shard(
    store: Store, task: Task, probe: Probe, sources: Sources, alive: Alive, note: Note
) -> dict[str, Any]:  # fmt: skip
    """Writes the part; returns what the ledger keeps: good and bad rows, and how often each p-value occurs.

    A row of several texts is good where one of them could be judged.
    """
    options = ScanOptions.of_stored(task.scan.options)
    asked = read_shard(store, shard_key(task.scan.id, task.number))
    found = iter(_found(task, probe, options, [one for one in asked if one.text], alive, note))
    rows = [next(found) if one.text else _unjudged(one, one.error) for one in asked]
    shared = plain(shared_by(probe, Hashes().batch, options.probing, sources))
    alive()
    write_part(store, raw_key(task.scan.id, task.number), rows, shared)
    every, good = {row["row"] for row in rows}, {row["row"] for row in rows if row["error"] is None}
    p_values = Counter(repr(row["p_value"]) for row in rows if row.get("tested"))
    return {"good": len(good), "bad": len(every - good), "counts": dict(p_values)}


def _found(
    task: Task, probe: Probe, options: ScanOptions, asked: Sequence[Asked], alive: Alive, note: Note
) -> list[Row]:  # fmt: skip
    """Returns a row per text. Results become rows as they come: they hold arrays, rows the little that is written."""
    joined = _joined(task, probe)

    def score(some: Sequence[Asked]) -> list[Row]:
        rows: list[Row] = []
        for results in probe.each([one.text for one in some if one.text], options.probing):
            alive()
            pairs = zip(some[len(rows) : len(rows) + len(results)], results, strict=True)
            rows += [_judged(one, joined(result), options) for one, result in pairs]
        return rows

    if not asked:
        return []
    found = careful(score, asked, task.attempts, task.trying, note) if task.attempts > CALM else isolated(score, asked)
    return [
        _unjudged(one, row.reason) if isinstance(row, Culprit) else row for one, row in zip(asked, found, strict=True)
    ]


def _unjudged(asked: Asked, error: str | None) -> Row:
    row: Row = {"row": asked.row, "id": asked.id, "item": asked.item, "error": error}
    return row | ({"item_id": asked.text.id, "text_sha256": text_hash(asked.text.text)} if asked.text else {})


def _judged(asked: Asked, result: Result, options: ScanOptions) -> Row:
    return _unjudged(asked, None) | _columns(replace(result, index=asked.item), options)


def _columns(result: Result, options: ScanOptions) -> Row:
    verdict, score = result.verdict, result.score
    values = {name: value.value for name, value in result.scores.items() if value.value is not None}
    return {
        "verdict": verdict and str(verdict.call), "p_value": verdict and verdict.p_value,
        "tested": bool(verdict and verdict.tested),
        "score": score and (score.value if score.calibrated is None else score.calibrated),
        "evidence": verdict and verdict.evidence, "error": result.error, "scores": list(values.items()),
        "tokens": len(result.target.logprob) if result.target else 0,
        "result": json.dumps(result_dict(result, options.return_tokens)),
    }  # fmt: skip


def _joined(task: Task, probe: Probe) -> Callable[[Result], Result]:
    """Returns what makes of a text's result that of one of the scan's texts: the blind gate looked at all of them."""
    blind, calibration = task.scan.blind, probe.calibration
    if not blind or calibration is None:
        return lambda result: result
    gate, why = blind
    return lambda result: regated(result, (gate, why), calibration)
