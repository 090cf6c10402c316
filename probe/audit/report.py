"""An evaluation as one HTML file that needs nothing else: no request leaves it, and no text is in it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from probe.audit.evaluate import Evaluation
from probe.audit.figures import Figures, Measured, short
from probe.audit.gate import Outcome
from probe.audit.metrics import Figure
from probe.audit.picture import Picture
from probe.audit.summary import caution, sentences
from probe.calibration.fingerprint import Fingerprint

WORDS = "words alone (blind)"


def html(found: Evaluation, pictures: Sequence[Picture], outcomes: Sequence[Outcome] = ()) -> str:
    """Returns the report; outcomes: of the bars that it was held to."""
    return page(
        "probe.audit",
        caution=caution(found), sentences=sentences(found), outcomes=outcomes, confidence=found.confidence,
        columns=list(cells(found.blind)), rows=_rows(found), verdicts=found.verdicts, absent=found.absent,
        calls=sorted({call for counts in found.verdicts.values() for call in counts}),
        pictures=pictures, unscored=found.unscored, left_out=found.left_out,
        provenance=_provenance(found),
    )  # fmt: skip


def page(package: str, **values: Any) -> str:
    """Returns the report.html of a package with these values in it, in the layout that all reports share."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    def source(name: str) -> str:
        return (files("probe.audit" if name == "layout.html" else package) / name).read_text(encoding="utf-8")

    loader = FunctionLoader(source)
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return made.get_template("report.html").render(**values)


def cells(figures: Figures) -> dict[str, Measured]:
    """Returns the figures of one score by the name of their column."""
    rates = {f"TPR at FPR {fpr:.3g}": found for fpr, found in figures.tpr.items()}
    return {"AUC": figures.auc, **rates, "balanced accuracy": figures.balanced_accuracy, "advantage": figures.advantage}


def said(figure: Measured) -> str:
    return f"{figure:.3f}" if isinstance(figure, Figure) else figure.reason


def _rows(found: Evaluation) -> list[dict[str, Any]]:
    blind = [short(figure) for figure in cells(found.blind).values()]
    every = {WORDS: found.blind} | dict(found.figures)
    return [
        {
            "name": name if name != found.default else f"{name} (default)", "blind": name == WORDS,
            "cells": [
                {"said": said(figure), "beside": "" if name == WORDS else f"blind {beside}"}
                for figure, beside in zip(cells(figures).values(), blind, strict=True)
            ],
            "counts": f"{figures.members:,}, {figures.nonmembers:,}",
        }
        for name, figures in every.items()
        if name not in found.absent
    ]  # fmt: skip


def _provenance(found: Evaluation) -> dict[str, str]:
    named = {"calibration": found.calibration or "none", "texts and labels": found.data, "seed": str(found.seed)}
    return stamped(found.fingerprint, **named)


def stamped(stamp: Fingerprint, **named: str) -> dict[str, str]:
    """Returns models and versions by name, with what else is named between them."""
    models = {
        "target": stamp.target, "reference": stamp.reference or "none", "tokenizer": stamp.tokenizer,
        "dtype": stamp.dtype, "engine": f"{stamp.engine}, {stamp.device}",
    }  # fmt: skip
    return {**models, **named, **{name: str(version) for name, version in stamp.versions.items()}}
