"""The setup of then and now: models, tokenizers, formulas, calibration and corpus must be the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from probe.calibration.fingerprint import Fingerprint
from probe.corpus.opening import Corpus
from probe.provenance.checks import Check, Outcome, same, short
from probe.provenance.record import Provenance
from probe.scores.table import origins

_WORDS = {
    "target": "target model", "tokenizer": "tokenizer", "windows": "window policy", "formulas": "score formulas",
    "reference": "reference model", "reference_tokenizer": "reference tokenizer", "dtype": "dtype",
    "reference_dtype": "reference dtype", "reference_windows": "reference window policy",
    "prefixes": "prefix texts", "frequencies": "token frequencies", "neighbours": "proposer of neighbours",
    "shadows": "shadow models",
}  # fmt: skip
_CONDITIONS = ("engine", "device", "versions", "revisions")


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


def _unlike(then: Any, now: Any) -> tuple[str, str]:
    """Shows of two tables the entries that are not the same."""
    if not isinstance(then, Mapping):
        return short(then), short(now)
    names = sorted(name for name in {*then, *now} if then.get(name) != now.get(name))
    first, second = (", ".join(f"{name} {side.get(name, 'absent')}" for name in names) for side in (then, now))
    return first, second
