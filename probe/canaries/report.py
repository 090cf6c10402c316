"""A test of canaries in files: canaries.json, report.html, the picture as SVG and PNG. No text is in any."""

from __future__ import annotations

import json
from pathlib import Path

from probe.audit.files import write_pages
from probe.audit.picture import Plot, picture
from probe.audit.report import page, stamped
from probe.canaries.judge import CanaryResult
from probe.canaries.plots import exposures
from probe.canaries.show import as_dict, cells, figures
from probe.types import Call


def write(result: CanaryResult, folder: Path) -> list[Path]:
    """Writes all files into a folder, in the place of earlier ones, and returns their paths."""
    plot = exposures(result.ranked)
    pages = {"canaries.json": json.dumps(as_dict(result), indent=1) + "\n", "report.html": html(result, plot)}
    return sorted(write_pages(folder, pages, [plot]))


def html(result: CanaryResult, plot: Plot) -> str:
    """Returns the report as one page that needs nothing else."""
    return page(
        "probe.canaries", call=str(result.verdict.call).replace("_", " "), verdict=result.verdict,
        claimed=result.verdict.call is Call.MEMBER, figures=figures(result),
        rows=[(one.id, *cells(one)) for one in sorted(result.ranked, key=lambda one: -one.exposure)],
        pictures=[picture(plot)], left_out=result.left_out, notes=result.notes, provenance=stamped(result.fingerprint),
    )  # fmt: skip
