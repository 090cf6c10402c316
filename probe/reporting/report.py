"""A report: what may be told of a cohort under one target, and the terms on which it is told."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from probe.reporting.mean import Noised, Range, check_clip


@dataclass(frozen=True, slots=True)
class Terms:
    """least: texts of a cohort. epsilon: of a report, shared out among its statistics. clip: nats per token, of losses.
    max_tokens: a longer text is not counted. Raises InputError for an empty clip range.
    """

    least: int = 50
    epsilon: Decimal = Decimal(1)
    clip: Range = (0.0, 10.0)
    max_tokens: int | None = None

    def __post_init__(self) -> None:
        check_clip(self.clip)


@dataclass(frozen=True, slots=True)
class Report:
    """created: seconds since 1970. target: its content, sha256:... given: texts of the request; counted: those that the
    means are over; copies: repeats and near-copies, which count once; left_out: those that cannot be scored, or hold no
    word. epsilon: of the report; left: the most that further ones on this target and these texts may cost.
    """

    id: str
    created: int
    target: str
    calibration: str | None
    given: int
    counted: int
    copies: int
    left_out: int
    statistics: dict[str, Noised]
    epsilon: float
    left: float
    warnings: tuple[str, ...]


def report_of(row: dict[str, Any]) -> Report:
    """Returns the report that was kept as plain values."""
    found = {name: Noised(**{**one, "clip": tuple(one["clip"])}) for name, one in row["statistics"].items()}
    return Report(**{**row, "statistics": found, "warnings": tuple(row["warnings"])})
