"""An evaluation in files: evaluation.json, scores.csv, report.html, pictures as SVG and PNG. No text is in any."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from probe.audit.evaluate import BLIND, Evaluation, reasons
from probe.audit.figures import Figures, as_json
from probe.audit.gate import Outcome
from probe.audit.picture import Plot, picture, png, svg
from probe.audit.plots import plots
from probe.audit.report import html
from probe.audit.summary import caution, sentences
from probe.data.sheet import write_csv


def write(found: Evaluation, folder: Path, outcomes: Sequence[Outcome] = ()) -> list[Path]:
    """Writes all files into a folder, in the place of earlier ones, and returns their paths."""
    pictures = plots(found)
    texts = {
        "evaluation.json": json.dumps(as_dict(found, outcomes), indent=1) + "\n",
        "report.html": html(found, [picture(plot) for plot in pictures], outcomes),
    }
    written = write_pages(folder, texts, pictures)
    write_scores(found, folder / "scores.csv")
    return sorted([*written, folder / "scores.csv"])


def write_pages(folder: Path, texts: Mapping[str, str], pictures: Sequence[Plot]) -> list[Path]:
    """Writes texts by the name of their file, and pictures as SVG and PNG, and returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    every = {**texts, **{f"{plot.name}.svg": svg(plot) for plot in pictures}}
    for name, text in every.items():
        (folder / name).write_text(text, encoding="utf-8")
    for plot in pictures:
        (folder / f"{plot.name}.png").write_bytes(png(plot))
    return [folder / name for name in (*every, *(f"{plot.name}.png" for plot in pictures))]


def write_scores(found: Evaluation, path: Path) -> None:
    """Writes a row per text: id, label, what the words alone make of it, every score; empty where there is none."""
    columns = [[score.value for score in scores] for scores in found.scores.values()]
    rows = zip(found.ids, found.member.astype(int).tolist(), found.words.tolist(), *columns, strict=True)
    write_csv(path, ["id", "label", BLIND, *found.scores], rows)


def as_dict(found: Evaluation, outcomes: Sequence[Outcome] = ()) -> dict[str, Any]:
    """Returns the evaluation as plain JSON values: figures with their intervals, or the reason why there is none."""
    members = int(found.member.sum())
    return {
        "object": "evaluation", "members": members, "nonmembers": len(found.member) - members,
        "caution": caution(found), "summary": sentences(found), "default": found.default, "best": found.best,
        "confidence": found.confidence, "separates_blindly": found.separates_blindly, BLIND: _figures(found.blind),
        "scores": {
            name: _figures(figures) | {"unscored": reasons(found.scores[name])}
            for name, figures in found.figures.items()
        },
        "correlation": {"scores": list(found.compared), "spearman": [list(row) for row in found.correlation]},
        "verdicts": found.verdicts, "bars": [asdict(outcome) for outcome in outcomes],
        "unscored": [{"id": name, "reason": reason} for name, reason in found.unscored],
        "left_out": list(found.left_out), "warnings": list(found.warnings),
        "calibration": found.calibration, "fingerprint": asdict(found.fingerprint), "data": found.data,
        "seed": found.seed,
    }  # fmt: skip


def _figures(figures: Figures) -> dict[str, Any]:
    return {
        "members": figures.members, "nonmembers": figures.nonmembers, "auc": as_json(figures.auc),
        "tpr": [{"fpr": fpr} | as_json(figure) for fpr, figure in figures.tpr.items()],
        "balanced_accuracy": as_json(figures.balanced_accuracy) | {"threshold": figures.threshold},
        "advantage": as_json(figures.advantage),
    }  # fmt: skip
