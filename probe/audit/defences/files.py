"""The audit in files: defences.json or overfitting.json, report.html, pictures as SVG and PNG. No text is in any."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from probe.audit.defences.judge import ATTACK, Outcome
from probe.audit.defences.plots import curves, plots
from probe.audit.defences.table import as_dict, others, otherwise, row, sentences
from probe.audit.files import write_pages
from probe.audit.picture import Plot, picture
from probe.audit.report import page
from probe.shadow.plan import Plan
from probe.versions import versions

TITLES = {"defences": "memprobe audit of defences", "overfitting": "memprobe audit of over-fitting"}


def write(found: Sequence[Outcome], plan: Plan, folder: Path, kind: str = "defences") -> list[Path]:
    """Writes all files into a folder, in the place of earlier ones, and returns their paths. kind: of TITLES."""
    pictures = plots(found) if kind == "defences" else curves(found)
    pages = {
        f"{kind}.json": json.dumps(as_dict(found, plan, kind), indent=1) + "\n",
        "report.html": html(found, plan, pictures, kind),
    }  # fmt: skip
    return sorted(write_pages(folder, pages, pictures))


def html(found: Sequence[Outcome], plan: Plan, pictures: Sequence[Plot], kind: str = "defences") -> str:
    rows = [row(one) for one in found]
    facts = {"base": plan.base, "shadows": plan.shadows, "seed": plan.seed} | asdict(plan.recipe)
    return page(
        "probe.audit.defences",
        title=TITLES[kind], sentences=sentences(found),
        columns=list(rows[0]), rows=[list(one.values()) for one in rows],
        notes=[f"{one.arm}: {one.note}." for one in found if one.note],
        attacks=[name for name in found[0].figures if name != ATTACK],
        others={one.arm: others(one) for one in found if len(one.figures) > 1},
        otherwise={one.arm: otherwise(one, plan.recipe) for one in found},
        pictures=[picture(plot) for plot in pictures],
        provenance={name: str(value) for name, value in (facts | versions()).items()},
    )  # fmt: skip
