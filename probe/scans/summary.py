"""What a scan came to: counts, the batch decision and what it could have shown at best, the highest scores."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from typing import Any

from probe.scans.nouns import Scan
from probe.scans.options import ScanOptions
from probe.scans.parts import Row

TOP, BINS = 100, 20


class Summary:
    """counts: of texts by p-value; q: the false discovery rate of the batch decision; nonmembers: held against."""

    def __init__(self, counts: Counter[float], q: float, nonmembers: int) -> None:
        self._counts, self._q, self._nonmembers = counts, q, nonmembers
        self._calls: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._selected = 0
        self._top: list[tuple[float, int, int, Row]] = []

    def add(self, row: Row) -> None:
        if row["error"] is not None:
            self._errors[_kind(row["error"])] += 1
            return
        self._calls[row["verdict"]] += 1
        self._selected += row["q_value"] is not None and row["q_value"] <= self._q
        if row["score"] is not None:
            kept = {name: row[name] for name in ("row", "id", "item_id", "verdict", "p_value", "q_value", "score")}
            entry = (row["score"], -row["row"], -row["item"], kept)
            (heapq.heappush if len(self._top) < TOP else heapq.heappushpop)(self._top, entry)

    def as_dict(self, scan: Scan, options: ScanOptions) -> dict[str, Any]:
        decision: dict[str, Any] = {
            "q": self._q, "selected": self._selected, "power": power(self._counts.total(), self._nonmembers, self._q),
            "at_smallest_p": sum(number for p, number in self._counts.items() if p * (self._nonmembers + 1) < 1.5),
        }  # fmt: skip
        decision["withheld"] = None
        if scan.blind and scan.blind[0] == "fail":  # then no p-value shows anything about membership
            decision |= {"selected": 0, "withheld": f"Nothing is selected: {scan.blind[1]}."}
        top = sorted(self._top, key=lambda entry: entry[:3], reverse=True)
        return {
            "scan": scan.id, "model": scan.model, "rows": scan.rows, "verdicts": dict(self._calls),
            "errors": dict(self._errors), "alpha": options.alpha, "decision": decision, "p_values": self._bins(),
            "top": [kept for *_, kept in top], "blind": scan.blind,
        }  # fmt: skip

    def _bins(self) -> list[int]:
        """Returns the texts by p-value, in twenty bins of like width."""
        bins = [0] * BINS
        for p, number in self._counts.items():
            bins[min(BINS - 1, math.ceil(p * BINS) - 1)] += number
        return bins


def power(tested: int, nonmembers: int, q: float) -> str:
    """Returns what it takes for any text to be selected, in a sentence."""
    if not tested or not nonmembers:
        return "No text was tested against known non-members, so none can be selected."
    least = math.ceil(tested / ((nonmembers + 1) * q))
    return (
        f"Against {nonmembers:,} known non-members no p-value is below {1 / (nonmembers + 1):.2g}: of {tested:,} texts "
        f"none is selected at q = {q:g} unless {least:,} or more reach it."
    )


def _kind(error: str) -> str:
    """Returns an error without the figures in it, so that like ones are counted together."""
    return "".join("#" if character.isdigit() else character for character in error)[:120]
