"""What is asked of the attacks at the typical fine-tune, and whether it holds."""

from __future__ import annotations

from statistics import mean

from benchmarks.figures import Row
from probe.scores import SHADOWED


def bars(table: list[Row], nonmembers: int) -> list[str]:
    """Returns a line per bar. nonmembers: of all targets together."""
    by_name = {row.name: row for row in table}
    best = max((row for row in table if row.name not in SHADOWED), key=_found)
    worst = min((by_name[name] for name in SHADOWED), key=_area)
    pooled = by_name["lira"].pooled
    return [
        _held("non-members of the three targets", nonmembers, 3000),
        _held("AUC of online LiRA", _area(by_name["lira"]), 0.99),
        _held("its TPR at FPR .1%, pooled", pooled.value if pooled else 0.0, 0.9),
        *(
            _held(f"TPR at FPR 1% of {name}", _found(by_name[name]), 0.95)
            for name in ("lira_offline", "rmia")
        ),
        _held(f"that of the feature attack, against {best.name}'s", _found(by_name["feature_attack"]), _found(best)),
        _held(f"AUC of the weakest attack, {worst.name}, against loss's", _area(worst), _area(by_name["loss"])),
    ]  # fmt: skip


def _held(what: str, found: float, asked: float) -> str:
    return f"- {what} >= {asked:.4g}: {found:.4f}, {'holds' if found >= asked else 'missed'}"


def _area(row: Row) -> float:
    return mean(row.auc)


def _found(row: Row) -> float:
    return mean(row.tpr)
