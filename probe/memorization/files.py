"""An examination in files: document.json, passages.csv, text.txt (what was read), report.html, pictures.

Text stands in text.txt, and in the report unless it is left out there.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from probe.audit.files import write_pages
from probe.audit.objections import objections
from probe.audit.picture import Picture, picture
from probe.audit.report import page, stamped
from probe.data.sheet import write_csv
from probe.memorization.continued import Continuation
from probe.memorization.examine import Examined
from probe.memorization.extraction import LEVELS
from probe.memorization.findings import gain_of_all, sentences
from probe.memorization.plots import plots
from probe.memorization.scan import Reading
from probe.memorization.strip import peaks
from probe.memorization.summary import cautions, figures, repeat

SHOWN = 30  # passages in the report


def write(found: Examined, folder: Path, texts: bool = True) -> list[Path]:
    """Writes all files into a folder, in the place of earlier ones. texts: whether the report shows passages."""
    pictures = plots(found)
    pages = {
        "document.json": json.dumps(as_dict(found), indent=1) + "\n",
        "text.txt": found.document.text,
        "report.html": html(found, [picture(plot) for plot in pictures], texts),
    }  # fmt: skip
    written = write_pages(folder, pages, pictures)
    rows = passages(found)
    write_csv(folder / "passages.csv", list(rows[0]), (row.values() for row in rows))
    return sorted([*written, folder / "passages.csv"])


def as_dict(found: Examined) -> dict[str, Any]:
    """Returns the examination as plain JSON values; of the document's text it holds places only."""
    scan, gain = found.scan, gain_of_all(found)
    return {
        "object": "document", "name": found.document.name, "kind": found.document.kind, "hash": found.document.hash,
        "characters": len(found.document.text), "tokens": scan.size, "mended": dict(found.document.mended),
        "warnings": list(found.document.warnings), "summary": sentences(found), "cautions": cautions(found),
        "windows": {
            "prefix": scan.shape.prefix, "suffix": scan.shape.suffix, "stride": scan.shape.stride,
            "count": len(scan.begins), "scored": int(scan.scored.sum()), "capped": scan.capped,
            **asdict(found.options.sampler),
        },
        "alpha": found.alpha,
        "target": _reading(found, scan.target), "reference": scan.reference and _reading(found, scan.reference),
        "gain": asdict(gain) if gain else None, "passages": passages(found),
        "continuations": [as_row(one) for one in found.continuations],
        "calibration": found.probe.calibration.name if found.probe.calibration else None,
        "fingerprint": asdict(found.probe.fingerprint),
    }  # fmt: skip


def as_row(found: Continuation) -> dict[str, Any]:
    return asdict(found) | {"near": found.near}


def passages(found: Examined) -> list[dict[str, Any]]:
    """Returns a row per passage, in order."""
    scan = found.scan
    columns = zip(
        found.passages, found.results, found.gains, peaks(scan, scan.target, found.passages),
        peaks(scan, scan.reference or scan.target, found.passages), strict=True,
    )  # fmt: skip
    return [
        {
            "number": number, "place": passage.place, "start": passage.start, "end": passage.end,
            "verdict": str(result.verdict.call) if result.verdict else None,
            "p_value": result.verdict.p_value if result.verdict else None, "q_value": result.q_value,
            "reason": result.verdict.reason if result.verdict else None,
            "gain": _finite(gain), "log10_p_z": _log10(high),
            "reference_log10_p_z": _log10(control) if scan.reference else None, "error": result.error,
        }
        for number, (passage, result, gain, high, control) in enumerate(columns, 1)
    ]  # fmt: skip


def html(found: Examined, pictures: Sequence[Picture], texts: bool) -> str:
    rows = passages(found)
    order = sorted(range(len(rows)), key=lambda place: (_rank(rows[place]["log10_p_z"]), _rank(rows[place]["gain"])))
    text = found.document.text
    return page(
        "probe.memorization",
        name=found.document.name, sentences=sentences(found), cautions=cautions(found), figures=figures(found),
        objections=objections(), repeat=repeat(found), grades=Counter(_grades(found)),
        warnings=found.document.warnings, mended=found.document.mended, windows=found.scan.shape,
        rows=[rows[place] | {"text": found.text(found.passages[place]) if texts else ""} for place in order[:SHOWN]],
        shown=min(SHOWN, len(rows)), passages=len(rows), texts=texts,
        samples=found.samples, alpha=found.alpha, sampler=found.options.sampler,
        continuations=[
            (one, text[one.start : one.middle], text[one.middle : one.end]) for one in found.continuations if texts
        ],
        pictures=pictures,
        provenance={
            "document": found.document.hash,
            **stamped(
                found.probe.fingerprint,
                calibration=found.probe.calibration.name if found.probe.calibration else "none",
            ),
        },
    )  # fmt: skip


def _grades(found: Examined) -> list[str]:
    return [str(one.verdict.evidence) for one in found.results if one.verdict and one.verdict.evidence]


def _reading(found: Examined, reading: Reading) -> dict[str, Any]:
    begin, length = reading.run
    starts = found.scan.tokens.start
    return {
        "share": {f"{level:g}": found.scan.share(reading, level) for level in LEVELS},
        "near_verbatim": found.scan.recalled(reading),
        "greedy": int(reading.greedy.sum()), "highest_log10_p_z": _log10(float(reading.log_p.max())),
        "longest_run": {"tokens": length, "start": int(starts[begin]) if length else None},
        "loss": -float(np.mean(reading.logprob, dtype=np.float64)),
    }  # fmt: skip


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _log10(value: float) -> float | None:
    return _finite(value / math.log(10))


def _rank(value: float | None) -> float:
    return math.inf if value is None else -value
