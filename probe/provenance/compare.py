"""Then and now, figure by figure: what differs, in plain words.

Hashes must be the same. Scores and perplexities are compared within a tolerance, because another machine adds floats
in another order; a p-value within the tolerance or one known non-member. Of texts that were judged together but are
not all here, what rests on the others (q-value, the gate over the set) cannot be compared, only found impossible.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from probe.calibration.gates import BATCH
from probe.provenance.checks import LARGEST, Check, Outcome, alike, close, is_figure, same, short

_ROUNDING = 1e-9  # of a figure, relative
_TOKEN = 10  # times the tolerance of a mean, for one token


def compare_results(
    then: Mapping[str, Any], now: Mapping[str, Any], tolerance: float, size: int, *, whole: bool, exact: bool
) -> Iterator[Check]:
    """Compares all that `probe.response.result_dict` makes but index and id, which are the caller's own.

    size: of the texts judged together; whole: all of them are here; exact: with the very same p-values.
    """
    alone = whole or size < BATCH  # no gate over a set was, or could be, at work otherwise
    step = max(tolerance, 1.5 / (1 + (_of(now, "claim", "nonmembers") or 0)))
    yield from _scores(then, now, tolerance)
    yield from _figures(then, now, tolerance, step)
    for name in ("claim", "error", "windows", "warnings"):
        yield same(name, _rounded(then.get(name)), _rounded(now[name]))
    yield from _verdict(then, now, tolerance, alone=alone, size=size)
    q_step = tolerance / 1000 if exact else step * min(size, LARGEST)  # q is p times at most the number of texts
    yield from _q_value(then, now, q_step, size, whole=whole, alone=alone)
    yield from _tokens(then.get("tokens"), now["tokens"], tolerance)
    if then.get("corpus") and now["corpus"]:
        yield same("in the corpus", then["corpus"], {**now["corpus"], "ids": list(now["corpus"]["ids"])})
    elif then.get("corpus"):
        yield Check("corpus not opened: name it with --corpus", Outcome.UNCHECKED, str(_of(then, "corpus", "found")))
    for name in sorted(then.keys() - now.keys()):  # a note of the caller's own, perhaps
        yield Check(f"{name}: no field of a result (told only)", Outcome.UNCHECKED, short(then[name]), counts=False)


def _scores(then: Mapping[str, Any], now: Mapping[str, Any], tolerance: float) -> Iterator[Check]:
    for name in now["scores"]:
        before, after = (_of(side, "scores", name, "value") for side in (then, now))
        if before is not None or after is not None:
            yield close(f"score {name}", before, after, tolerance)
        reasons = [_of(side, "scores", name, "reason") for side in (then, now)]
        if reasons != [None, None]:
            yield same(f"score {name}, why there is none", *reasons)
    for name in sorted(set(_names(then, "scores")) - set(now["scores"])):
        yield Check(f"score {name}: no such score here", Outcome.DIFFERS)


def _figures(then: Mapping[str, Any], now: Mapping[str, Any], tolerance: float, step: float) -> Iterator[Check]:
    """step: within which p-values agree."""
    for name in ("perplexity", "reference_perplexity", "perplexity_ratio"):
        yield close(f"log of {name.replace('_', ' ')}", _log(then.get(name)), _log(now[name]), tolerance)
    yield same("score that decides", _of(then, "score", "name"), _of(now, "score", "name"))
    for name in ("value", "calibrated"):
        yield close(f"deciding score, {name}", _of(then, "score", name), _of(now, "score", name), tolerance)
    member_step = max(tolerance, 1.5 / (1 + (_of(now, "claim", "members") or 0)))
    yield close("p-value", then.get("p_value"), now["p_value"], step)
    yield close("p-value as a member", then.get("p_member"), now["p_member"], member_step)


def _verdict(
    then: Mapping[str, Any], now: Mapping[str, Any], tolerance: float, *, alone: bool, size: int
) -> Iterator[Check]:
    """Compares what a gate over a set may change; alone: none was at work, or all of its texts are here."""
    if not alone:
        yield from (_others(name, size) for name in ("verdict", "gates", "evidence", "ppv"))
        return
    for name in ("verdict", "gates", "evidence"):
        yield same(name, then.get(name), now[name])
    yield _ppv(then.get("ppv"), now["ppv"], tolerance)
    if then.get("verdict") == now["verdict"]:  # else it has to be another, and the verdict says so
        yield same("reason", then.get("reason"), _reason(then, now))


def _ppv(then: Any, now: Sequence[Mapping[str, float]], tolerance: float) -> Check:
    """Rests on the claim and the known members; its figures agree within the tolerance."""
    rows = then if isinstance(then, list) else [None]
    agree = len(rows) == len(now) and all(
        isinstance(row, Mapping)
        and row.keys() == other.keys()
        and row["prior"] == other["prior"]
        and alike(row["least"], other["least"], tolerance)
        for row, other in zip(rows, now, strict=True)
    )
    before, after = ("; ".join(map(short, side)) or "none" for side in (rows, now))
    return Check("ppv", Outcome.REPRODUCED if agree else Outcome.DIFFERS, before, after)


def _reason(then: Mapping[str, Any], now: Mapping[str, Any]) -> Any:
    """Returns the reason as it would be with the p-value of then, for its sentence counts known non-members."""
    of, p_values = _of(now, "claim", "nonmembers"), (now["p_value"], then.get("p_value"))
    if not of or not all(map(is_figure, p_values)):
        return now["reason"]
    before, after = (f"{round(p_value * (of + 1)) - 1:,} of {of:,} " for p_value in p_values)
    return now["reason"].replace(before, after)


def _q_value(
    then: Mapping[str, Any], now: Mapping[str, Any], step: float, size: int, *, whole: bool, alone: bool
) -> Iterator[Check]:
    """Where a gate over the set may have failed that cannot be seen now, whether there is one is left open, too."""
    q_value, p_value = then.get("q_value"), then.get("p_value")
    if q_value is None and now["q_value"] is None:
        return
    if q_value is not None and not _is_possible(q_value, p_value, size):
        what = "q-value: it lies between the p-value and as many times that as texts were judged together"
        yield Check(what, Outcome.DIFFERS, short(q_value), short(now["q_value"]))
    elif whole or (alone and None in (q_value, now["q_value"])):
        yield close("q-value", q_value, now["q_value"], step)
    else:
        yield _others("q-value", size)


def _is_possible(q_value: Any, p_value: Any, size: int) -> bool:
    """Benjamini and Hochberg's q is p times at least 1 and at most the number of texts, and no more than 1."""
    if not is_figure(q_value) or not is_figure(p_value):
        return False
    most = min(1.0, p_value * min(size, LARGEST))
    return bool(p_value * (1 - _ROUNDING) <= q_value <= most * (1 + _ROUNDING))


def _tokens(then: Any, now: Sequence[Mapping[str, Any]] | None, tolerance: float) -> Iterator[Check]:
    """Token by token. One may differ more than the mean of all, and its rank by the tokens that lie between."""
    if then is None and not now:
        return
    rows = then if isinstance(then, list) else [then]
    theirs = now or ()
    wrong = abs(len(rows) - len(theirs)) + sum(
        not _is_token(row, other, tolerance * _TOKEN) for row, other in zip(rows, theirs, strict=False)
    )
    shown = (
        f"{len(rows):,} tokens",
        f"{wrong:,} of {len(theirs):,} are others" if wrong else f"{len(theirs):,} tokens",
    )
    yield Check("tokens", Outcome.DIFFERS if wrong else Outcome.REPRODUCED, *shown)


def _is_token(then: Any, now: Mapping[str, Any], tolerance: float) -> bool:
    figures = ("logprob", "reference_logprob", "reference_difference")
    return (
        isinstance(then, Mapping)
        and then.keys() == now.keys()
        and all(then[name] == now[name] for name in ("start", "end"))
        and all(alike(then[name], now[name], tolerance) for name in figures)
        and alike(then["rank"], now["rank"], 1 + tolerance * now["rank"])
    )


def _others(what: str, size: int) -> Check:
    return Check(f"{what} rests on {size:,} texts judged together, not all here", Outcome.UNCHECKED)


def _rounded(value: Any) -> Any:
    """Other versions of scipy may differ in a claim's last digits."""
    if not isinstance(value, Mapping):
        return value
    return {name: round(entry, 9) if isinstance(entry, float) else entry for name, entry in value.items()}


def _log(value: Any) -> Any:
    """Perplexities are compared as losses, nats per token."""
    return math.log(value) if isinstance(value, int | float) and value > 0 else value


def _of(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _names(value: Mapping[str, Any], field: str) -> list[str]:
    """Returns the names of the scores that have a value."""
    held = value.get(field)
    return [name for name in held if _of(held, name, "value") is not None] if isinstance(held, Mapping) else []
