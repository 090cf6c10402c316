"""A test of canaries in files: canaries.json, report.html, the picture as SVG and PNG. No text is in any."""

from __future__ import annotations

import json
from pathlib import Path

from probe.audit.plots import Plot, png, svg
from probe.audit.report import page, picture, stamped
from probe.canaries.judge import CanaryResult
from probe.canaries.plots import exposures
from probe.canaries.show import as_dict, cells, figures
from probe.types import Call


def write(result: CanaryResult, folder: Path) -> list[Path]:
    """Writes all files into a folder, in the place of earlier ones, and returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    plot = exposures(result.ranked)
    contents = {
        "canaries.json": (json.dumps(as_dict(result), indent=1) + "\n").encode(),
        "report.html": html(result, plot).encode(), f"{plot.name}.svg": svg(plot).encode(),
        f"{plot.name}.png": png(plot),
    }  # fmt: skip
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return sorted(folder / name for name in contents)


def html(result: CanaryResult, plot: Plot) -> str:
    """Returns the report as one page that needs nothing else."""
    return page(
        "probe.canaries", call=str(result.verdict.call).replace("_", " "), verdict=result.verdict,
        claimed=result.verdict.call is Call.MEMBER, figures=figures(result),
        rows=[(one.id, *cells(one)) for one in sorted(result.ranked, key=lambda one: -one.exposure)],
        picture=picture(plot), left_out=result.left_out, notes=result.notes, provenance=stamped(result.fingerprint),
    )  # fmt: skip
