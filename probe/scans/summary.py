"""What a scan came to: counts, the batch decision and what it could have shown at best, the highest scores."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from probe.scans.nouns import Scan
from probe.scans.options import ScanOptions
from probe.scans.parts import Row

TOP, BINS = 100, 20


class Summary:
    """counts: of texts by p-value, those that stand; q: the false discovery rate of the batch decision; nonmembers:
    that texts are held against.
    """

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
        tested = self._counts.total()
        decision: dict[str, Any] = {
            "q": self._q, "tested": tested, "selected": self._selected,
            "power": power(tested, self._nonmembers, self._q),
            "at_smallest_p": sum(number for p, number in self._counts.items() if p * (self._nonmembers + 1) < 1.5),
        }  # fmt: skip
        decision["withheld"] = None
        if scan.blind and scan.blind[0] == "fail":  # then no p-value shows anything about membership
            decision |= {"selected": 0, "withheld": f"Nothing is selected: {scan.blind[1]}."}
        decision["said"] = decision["withheld"] or said(decision)
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
        return "The p-value of no text stands, so none can be selected: their reasons tell why."
    least = math.ceil(tested / ((nonmembers + 1) * q))
    return (
        f"Against {nonmembers:,} known non-members no p-value is below {1 / (nonmembers + 1):.2g}: of {tested:,} texts "
        f"none is selected at q = {q:g} unless {least:,} or more reach it."
    )


def said(decision: Mapping[str, Any]) -> str:
    """Returns the decision in words."""
    return (
        f"At a false discovery rate of {decision['q']:g} {decision['selected']:,} of {decision['tested']:,} texts are "
        f"selected; {decision['at_smallest_p']:,} reach the smallest p-value. Texts whose gates failed, or that are "
        f"not comparable, have no part in it. {decision['power']}"
    )


def _kind(error: str) -> str:
    """Returns an error without the figures in it, so that like ones are counted together."""
    return "".join("#" if character.isdigit() else character for character in error)[:120]
