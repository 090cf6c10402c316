"""A deletion audit in files: deletion.json, texts.csv, report.html, pictures as SVG and PNG. No text is in any."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import repeat
from pathlib import Path
from typing import Any

from probe.audit.deletion.cautions import cautions, notes
from probe.audit.deletion.effect import Contrast
from probe.audit.deletion.plots import plots
from probe.audit.deletion.report import html, roles
from probe.audit.deletion.result import Deletion
from probe.audit.deletion.summary import limits, reason
from probe.audit.deletion.together import Together
from probe.audit.deletion.ulira import Attack
from probe.audit.figures import as_json
from probe.audit.files import write_pages
from probe.data.sheet import write_csv
from probe.types import Unscored
from probe.versions import versions


def write(found: Deletion, folder: Path) -> list[Path]:
    """Writes all files into a folder, in the place of earlier ones, and returns their paths."""
    pictures = plots(found)
    pages = {"deletion.json": json.dumps(as_dict(found), indent=1) + "\n", "report.html": html(found, pictures)}
    written = write_pages(folder, pages, pictures)
    write_texts(found, folder / "texts.csv")
    return sorted([*written, folder / "texts.csv"])


def write_texts(found: Deletion, path: Path) -> None:
    """Writes a row per text, deleted ones first: phi by model, nats per token, and what the tests say of it."""
    models = [found.phi.before, *found.phi.after, *found.phi.retrained]
    tested = found.found
    attack = found.attack.llr.tolist() if isinstance(found.attack, Attack) else repeat("")
    columns = [one.tolist() for one in (tested.z, tested.p, tested.p_t, found.q)]
    rows = [
        *zip(repeat("deleted"), *columns, attack, found.calls, strict=False),
        *(["unseen", z, "", p_t, "", "", ""] for z, p_t in zip(tested.unseen_z, tested.unseen, strict=True)),
    ]
    phi = zip(*(one.tolist() for one in models), strict=True)
    columns = ["id", "group", *roles(found), "z", "p", "p_t", "q", "u_lira", "call"]
    write_csv(
        path, columns, ([name, row[0], *own, *row[1:]] for name, own, row in zip(found.ids, phi, rows, strict=True))
    )


def as_dict(found: Deletion) -> dict[str, Any]:
    """Returns the audit as plain JSON values: figures with their intervals, or the reason why there is none."""
    decision, tested, options = found.decision, found.found, found.options
    deleted = int(found.deleted.sum())
    calls = [str(call) for call in found.calls]
    return {
        "object": "deletion", "outcome": str(found.outcome), "reason": reason(found), "limits": limits(found),
        "cautions": cautions(found), "notes": notes(found), "deleted": deleted, "unseen": len(found.deleted) - deleted,
        "alpha": options.alpha, "margin": {"share": options.margin.share, "nats": options.margin.nats},
        "equivalent": decision.equal, "differs": decision.differs,
        "stand_out": {side: [found.ids[i] for i in getattr(decision, side)] for side in ("traces", "over")},
        "together": _together(found.together, options.alpha),
        "texts": {
            "calls": {call: calls.count(call) for call in sorted(set(calls))}, "inflation": tested.inflation,
            "unseen_flagged": int((tested.unseen <= options.alpha).sum()),
            "unseen_flagged_plain": int((tested.plain <= options.alpha).sum()) if len(tested.plain) else None,
        },
        "u_lira": _attack(found.attack), "privleak": as_json(found.privleak),
        "models": [
            {"role": role, **asdict(model), "auc": as_json(leak.auc), "tpr_at_fpr_0.01": as_json(leak.tpr)}
            for role, model, leak in zip(roles(found), found.models, found.leaks, strict=True)
        ],
        "blind": as_json(found.blind or Unscored("too few texts")), "separates_blindly": found.separates_blindly,
        "unscored": [{"id": name, "reason": why} for name, why in found.unscored], "left_out": list(found.left_out),
        "data": found.data, "versions": versions(),
    }  # fmt: skip


def _together(found: Together | Unscored, alpha: float) -> dict[str, Any]:
    if isinstance(found, Unscored):
        return {"effect": None, "reason": found.reason}
    return {
        "effect": _contrast(found.effect, alpha), "before": _contrast(found.earlier, alpha),
        "equivalence": {
            "p": found.same.p, "margin_nats": found.same.nats, "needed": found.same.needed,
            "interval": asdict(found.effect.interval(1 - 2 * alpha)),
        },
        "detectable": found.detectable, "placebos": [_contrast(one, alpha) for one in found.placebos],
        "units": list(found.units), "by_source": found.by_source,
    }  # fmt: skip


def _contrast(found: Contrast, alpha: float) -> dict[str, Any]:
    return {**asdict(found.interval(1 - alpha)), "p": found.p}


def _attack(found: Attack | Unscored) -> dict[str, Any]:
    if isinstance(found, Unscored):
        return as_json(found)
    return {**asdict(found.deleted), "unseen": found.unseen, "p": found.p}
