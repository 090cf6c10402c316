"""What was found about canaries, on a terminal and as plain JSON values. No text of any is in either."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.padding import Padding
from rich.table import Table
from rich.text import Text as Line

from probe.canaries.judge import CanaryResult
from probe.canaries.rank import Ranked
from probe.show import console, excerpt, verdict

_SHOWN = 30  # canaries, the most exposed first


def canaries(result: CanaryResult) -> None:
    """Prints the verdict, then a row per canary."""
    found = result.verdict
    console.print(verdict(str(found.call)).append(f"  evidence {found.evidence}", style="default"))
    console.print(Padding(Line(found.reason), (0, 0, 0, 4)))
    for name, value in figures(result).items():
        console.print(Padding(Line(f"{name}: ", style="bold").append(value, style="default"), (0, 0, 0, 4)))
    grid = Table("canary", "rank", "of", "p-value", "exposure, bits", box=None, padding=(0, 2, 0, 0))
    order = sorted(result.ranked, key=lambda one: -one.exposure)
    for one in order[:_SHOWN]:
        grid.add_row(Line(excerpt(one.id, 40)), *cells(one))
    console.print(grid)
    if len(order) > _SHOWN:
        console.print(f"{len(order) - _SHOWN:,} more ranked lower; --out FOLDER and --json name all.")
    for name, reason in result.left_out:
        console.print(Line(f"Not counted: {excerpt(name, 40)}: {reason}."))
    for note in result.notes:
        console.print(Line(f"Note: {note}."))


def figures(result: CanaryResult) -> dict[str, str]:
    """Returns what the verdict rests on, by name."""
    control = "none" if result.control is None else f"{result.control:.3g}"
    return {
        "score": f"{result.score} of each canary's own tokens, nats",
        "p-value": f"{result.verdict.p_value:.3g} of {len(result.ranked):,} canaries together (Fisher's, exact)",
        "smallest p-value that these can give": f"{result.smallest:.2g}",
        "p-value of the reference by itself": control,
        "commitment": f"{result.commitment}, gate {result.verdict.gates['commitment']}",
    }


def cells(one: Ranked) -> tuple[str, str, str, str]:
    return f"{one.rank:,}", f"{one.size:,}", f"{one.p_value:.3g}", f"{one.exposure:.1f}"


def as_dict(result: CanaryResult) -> dict[str, Any]:
    found = result.verdict
    return {
        "object": "canaries", "verdict": str(found.call), "reason": found.reason, "p_value": found.p_value,
        "evidence": found.evidence, "gates": found.gates, "alpha": result.alpha, "smallest_p_value": result.smallest,
        "needed": asdict(result.needed) if result.needed else None, "score": result.score,
        "control_p_value": result.control,
        "canaries": [
            {
                "id": one.id, "rank": one.rank, "of": one.size, "p_value": one.p_value, "exposure": one.exposure,
                "value": one.value, "unscored_alternatives": one.lost,
            }
            for one in result.ranked
        ],
        "left_out": [{"id": name, "reason": reason} for name, reason in result.left_out],
        "commitment": result.commitment, "fingerprint": asdict(result.fingerprint), "notes": list(result.notes),
    }  # fmt: skip
