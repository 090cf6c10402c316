"""Then and now, figure by figure: what differs, in plain words.

Hashes must be the same. Scores and perplexities are compared within a tolerance, because another machine adds floats
in another order; a p-value within the tolerance or one known non-member. Of texts that were judged together but are
not all here, what rests on the others (q-value, the gate over the set) cannot be compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any

from probe.calibration.fingerprint import Fingerprint
from probe.calibration.gates import BATCH
from probe.corpus.opening import Corpus
from probe.provenance.record import Provenance
from probe.scores.table import origins

_WORDS = {
    "target": "target model", "tokenizer": "tokenizer", "windows": "window policy", "formulas": "score formulas",
    "reference": "reference model", "reference_tokenizer": "reference tokenizer", "dtype": "dtype",
    "reference_dtype": "reference dtype", "reference_windows": "reference window policy",
    "prefixes": "prefix texts", "frequencies": "token frequencies", "neighbours": "proposer of neighbours",
}  # fmt: skip
_CONDITIONS = ("engine", "device", "versions")


class Outcome(IntEnum):
    """What a check, or all of them together, came to; also the command's exit code."""

    REPRODUCED = 0
    DIFFERS = 1
    UNCHECKED = 2


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison. then, now: as they are shown. A condition that is another is told and does not count."""

    what: str
    outcome: Outcome
    then: str = ""
    now: str = ""
    counts: bool = True


def outcome(checks: Sequence[Check]) -> Outcome:
    """Returns what the checks of one record come to together."""
    return worst([check.outcome for check in checks if check.counts])


def worst(outcomes: Sequence[Outcome]) -> Outcome:
    """Returns the one that decides: a difference is a difference, whatever else could not be checked."""
    return next((one for one in (Outcome.DIFFERS, Outcome.UNCHECKED) if one in outcomes), Outcome.REPRODUCED)


def same(what: str, then: object, now: object, *, counts: bool = True) -> Check:
    """Returns a check for equality."""
    return Check(what, Outcome.REPRODUCED if then == now else Outcome.DIFFERS, short(then), short(now), counts)


def compare_setup(record: Provenance, now: Fingerprint, calibration: str | None, corpus: Corpus | None) -> list[Check]:
    """Returns checks of models, tokenizers, formulas, calibration and corpus; conditions only where they are others.

    calibration: its content's hash.
    """
    found = list(_fingerprints(record.fingerprint, now))
    if record.calibration or calibration:
        found.append(same("calibration", record.calibration.sha256 if record.calibration else None, calibration))
    if record.plugins or origins():
        found.append(same("score plug-ins", record.plugins, origins()))
    if record.corpus and corpus:
        found.append(same("corpus", record.corpus.sha256, corpus.hash))
    return found


def _fingerprints(then: Fingerprint, now: Fingerprint) -> Iterator[Check]:
    for name in (field.name for field in fields(Fingerprint)):
        before, after = getattr(then, name), getattr(now, name)
        if name in _CONDITIONS:
            if before != after:
                yield Check(f"{name} (told only)", Outcome.DIFFERS, *_unlike(before, after), counts=False)
        elif before or after:
            yield same(_WORDS[name], before, after)


def compare_results(
    then: Mapping[str, Any], now: Mapping[str, Any], tolerance: float, size: int, *, whole: bool, exact: bool
) -> Iterator[Check]:
    """size: of the texts judged together; whole: all of them are here; exact: with the very same p-values."""
    alone = whole or size < BATCH  # no gate over a set was, or could be, at work otherwise
    scores = [_of(_of(side, "scores"), name, "value") for name in now["scores"] for side in (then, now)]
    for name, before, after in zip(now["scores"], scores[::2], scores[1::2], strict=True):
        if before is not None or after is not None:
            yield close(f"score {name}", before, after, tolerance)
    for name in sorted(set(_names(then, "scores")) - set(now["scores"])):
        yield Check(f"score {name}: no such score here", Outcome.DIFFERS)
    for name in ("perplexity", "reference_perplexity", "perplexity_ratio"):
        yield close(f"log of {name.replace('_', ' ')}", _log(then.get(name)), _log(now[name]), tolerance)
    yield same("score that decides", _of(then, "score", "name"), _of(now, "score", "name"))
    for name in ("value", "calibrated"):
        yield close(f"deciding score, {name}", _of(then, "score", name), _of(now, "score", name), tolerance)
    step = max(tolerance, 1.5 / (1 + (_of(now, "claim", "nonmembers") or 0)))
    member_step = max(tolerance, 1.5 / (1 + (_of(now, "claim", "members") or 0)))
    yield close("p-value", then.get("p_value"), now["p_value"], step)
    yield close("p-value as a member", then.get("p_member"), now["p_member"], member_step)
    yield same("claim", _rounded(then.get("claim")), _rounded(now["claim"]))
    yield same("error", then.get("error"), now["error"])
    for name in ("verdict", "gates", "evidence"):
        yield same(name, then.get(name), now[name]) if alone else _others(name, size)
    exactly = all(then.get(name) == now[name] for name in ("p_value", "p_member", "verdict"))
    if exactly and alone:  # its sentence counts known texts
        yield same("reason", then.get("reason"), now["reason"])
    if then.get("q_value") is not None or now["q_value"] is not None:
        q_step = tolerance / 1000 if exact else step * size  # q is p times at most the number of texts
        yield (
            close("q-value", then.get("q_value"), now["q_value"], q_step)
            if whole
            else _others("q-value", size, counts=False)
        )
    if then.get("corpus") and now["corpus"]:
        yield same("in the corpus", then["corpus"], {**now["corpus"], "ids": list(now["corpus"]["ids"])})
    elif then.get("corpus"):
        yield Check("corpus not opened: name it with --corpus", Outcome.UNCHECKED, str(_of(then, "corpus", "found")))


def close(what: str, then: Any, now: Any, tolerance: float) -> Check:
    """Returns a check for figures within a tolerance; both may be missing."""
    figures = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (then, now))
    alike = abs(then - now) <= tolerance if figures else then is None and now is None
    return Check(what, Outcome.REPRODUCED if alike else Outcome.DIFFERS, short(then), short(now))


def _others(what: str, size: int, *, counts: bool = True) -> Check:
    return Check(f"{what} rests on {size:,} texts judged together, not all here", Outcome.UNCHECKED, counts=counts)


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


def _unlike(then: Any, now: Any) -> tuple[str, str]:
    """Shows of two tables the entries that are not the same."""
    if not isinstance(then, Mapping):
        return short(then), short(now)
    names = sorted(name for name in {*then, *now} if then.get(name) != now.get(name))
    first, second = (", ".join(f"{name} {side.get(name, 'absent')}" for name in names) for side in (then, now))
    return first, second


def short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {short(entry)}" for name, entry in value.items())
    text = "none" if value is None else str(value)
    return text[:19] + "..." if text.startswith("sha256:") else text
