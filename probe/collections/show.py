"""What was found about a set, in plain words on a terminal, and as plain JSON values."""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice
from typing import Any

from rich.padding import Padding
from rich.text import Text as Line

from probe.audit.metrics import Figure
from probe.collections.collection import SetResult
from probe.collections.controls import Balance, Match
from probe.collections.evalue import enough
from probe.collections.exchangeability import OrderResult
from probe.show import console, verdict
from probe.types import Unscored, Verdict

SHOWN = 20  # documents without a control that are named
_DIFFER = (
    "Warning: words alone still tell the matched documents from their controls, so a score that differs between them "
    "shows nothing about membership, and `memprobe collection` will claim nothing. Match by more (--match-column, "
    "--date-column, --within), or bring a pool of the suspects' own kind."
)


def collection(result: SetResult) -> None:
    """Prints the verdict on a set and what it rests on."""
    _head(result.verdict)
    _rows(figures(result))
    for note in result.notes:
        console.print(Line(f"Note: {note}."))


def figures(result: SetResult) -> dict[str, str]:
    """Returns what the verdict on a set rests on, in words by name."""
    comparison, size, inference = result.comparison, result.sizes, result.inference
    missing = result.missing
    return {
        "documents": f"{result.suspect:,} suspect, {result.controls:,} controls, {result.members:,} known members",
        f"score {result.score}": f"AUC {comparison.auc:.3f}, Hedges' g {comparison.effect:.2f}",
        "p-value of the mean": f"{comparison.mean:.3g}, the larger of Welch's t ({comparison.welch:.3g}) and a "
        f"permutation test ({comparison.permutation:.3g})",
        "p-value of the rank sum": f"{comparison.rank_sum:.3g}",
        "dataset inference": inference.reason
        if isinstance(inference, Unscored)
        else f"p = {inference.p_value:.3g}, twice the median over {inference.splits} splits",
        "share of members": result.share.reason if isinstance(result.share, Unscored) else f"{result.share:.2f}",
        "e-value": "none"
        if result.e_value is None
        else f"{result.e_value:.3g}; {enough(size.alpha):g} or more allow a claim, however often one looks",
        "still needed": "no number of documents makes a finding of this"
        if missing is None
        else f"{missing[0]:,} suspect documents and {missing[1]:,} controls ({size.needed:,} on each side for power "
        f"{size.power:g} at {size.alpha:g}, and {result.fewest} for any claim)",
        **{f"gate {name}": f"{result.verdict.gates[name]}: {why}" for name, why in result.findings.items()},
    }


def collection_dict(result: SetResult) -> dict[str, Any]:
    missing = result.missing
    return {
        "object": "collection",
        **_verdict(result.verdict),
        "score": result.score,
        "by": result.by,
        "documents": {"suspect": result.suspect, "controls": result.controls, "members": result.members},
        "welch": result.comparison.welch,
        "permutation": result.comparison.permutation,
        "rank_sum": result.comparison.rank_sum,
        "effect": asdict(result.comparison.effect),
        "auc": asdict(result.comparison.auc),
        "inference": asdict(result.inference),
        "share": asdict(result.share),
        "e_value": result.e_value,
        "sizes": asdict(result.sizes),
        "still_needed": None if missing is None else {"suspect": missing[0], "controls": missing[1]},
        "findings": result.findings,
        "notes": list(result.notes),
    }


def order(result: OrderResult) -> None:
    """Prints the verdict on a benchmark's order."""
    _head(result.verdict)
    for name, found in (("target", result.target), ("reference", result.reference)):
        if found:
            beside = found.sharded.reason if isinstance(found.sharded, Unscored) else f"p = {found.sharded:.3g}"
            said = f"p = {found.p_value:.3g} over {found.shuffles:,} shuffles; over {found.shards:,} shards: {beside}"
            _rows({name: said})
    for note in result.notes:
        console.print(Line(f"Note: {note}."))


def order_dict(result: OrderResult) -> dict[str, Any]:
    reference = asdict(result.reference) if result.reference else None
    return {
        "object": "order", **_verdict(result.verdict), "target": asdict(result.target), "reference": reference,
        "notes": list(result.notes),
    }  # fmt: skip


def match(found: Match, names: dict[int, str]) -> None:
    """Prints how suspects and controls compare before and after matching, and which were not matched."""
    console.print(f"{len(found.pairs):,} of {len(found.pairs) + len(found.lost):,} suspect documents have a control.")
    if found.copies:
        console.print(f"{found.copies:,} pool documents share a run of words with a suspect one and were left out.")
    _rows({"whole pool": _balance(found.before), "matched": _balance(found.after) if found.after else "none"})
    if found.after and found.after.blind and found.after.blind.low > 0.5:
        console.print(Line(_DIFFER, style="yellow"))
    for place, reason in islice(found.lost.items(), SHOWN):
        console.print(Line(f"Not matched: {names[place]}, {reason}."))
    if len(found.lost) > SHOWN:
        console.print(f"{len(found.lost) - SHOWN:,} more were not matched; --matched FILE keeps those that were.")


def _balance(balance: Balance) -> str:
    blind = f"{balance.blind:.3f}" if isinstance(balance.blind, Figure) else "too few documents"
    return (
        f"length differs by {balance.length:+.2f} sd, sources and dates by {balance.buckets:.0%}; AUC of words alone "
        f"{blind}"
    )


def _verdict(found: Verdict) -> dict[str, Any]:
    return {
        "verdict": str(found.call), "reason": found.reason, "p_value": found.p_value, "gates": found.gates,
        "evidence": found.evidence,
    }  # fmt: skip


def _head(found: Verdict) -> None:
    console.print(verdict(str(found.call)).append(f"  evidence {found.evidence}", style="default"))
    console.print(Padding(Line(found.reason), (0, 0, 0, 4)))


def _rows(rows: dict[str, str]) -> None:
    for name, value in rows.items():
        console.print(Padding(Line(f"{name}: ", style="bold").append(value, style="default"), (0, 0, 0, 4)))
