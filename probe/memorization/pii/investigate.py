"""Texts -> the personal data in them, each ranked under target and reference, the most exposed first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from probe.data.rows import is_unicode
from probe.errors import InputError
from probe.memorization.pii.lineup import COUNT, Lineup, lineup
from probe.memorization.pii.rank import Ranked, rank
from probe.memorization.pii.spans import Pattern, Span, find
from probe.memorization.scan import Progress
from probe.models.base import Engine
from probe.types import Text, Unscored

Standing = Ranked | Unscored


@dataclass(frozen=True, slots=True)
class Options:
    """patterns: of the user's own. presidio: whether its recognisers search, too. count: fillers of each value."""

    patterns: Mapping[str, Pattern]
    presidio: bool = True
    language: str = "en"
    count: int = COUNT
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Datum:
    """A value where it stands. text: its index; reference: None without one."""

    text: int
    span: Span
    target: Standing
    reference: Standing | None

    @property
    def over(self) -> float | None:
        """Exposure under the target over that under the reference, bits; None where either is not there."""
        if isinstance(self.target, Ranked) and isinstance(self.reference, Ranked):
            return self.target.exposure - self.reference.exposure
        return None


def check_texts(texts: Sequence[Text]) -> None:
    """Raises InputError where there is nothing to search, or something that is no Unicode."""
    if not any(text.text.strip() for text in texts):
        raise InputError("There is no text to search for personal data: all are empty.", "input")
    for number, text in enumerate(texts, 1):
        if not is_unicode(text.text):
            raise InputError(f"Text {number:,} is no Unicode: it holds an unpaired surrogate. Leave it out.", "input")


def investigate(
    target: Engine, reference: Engine | None, texts: Sequence[Text], options: Options,
    progress: Progress = lambda done, total: None,
) -> list[Datum]:  # fmt: skip
    """Raises ModelError where Presidio is asked and not installed, and InputError for texts that cannot be searched."""
    check_texts(texts)
    spans = [
        (number, span)
        for number, text in enumerate(texts)
        for span in find(text.text, options.patterns, options.presidio, options.language)
    ]
    found = []
    for done, (number, span) in enumerate(spans, 1):
        among = lineup(target, texts[number].text, span, options.count, options.seed)
        control = None
        if reference is not None:
            shared = target.same_tokenizer(reference)
            own = among if shared else lineup(reference, texts[number].text, span, options.count, options.seed)
            control = _standing(reference, own)
        found.append(Datum(number, span, _standing(target, among), control))
        progress(done, len(spans))
    return sorted(found, key=_exposed, reverse=True)


def _standing(engine: Engine, among: Lineup | Unscored) -> Standing:
    return among if isinstance(among, Unscored) else rank(engine, among)


def _exposed(datum: Datum) -> tuple[float, float]:
    if not isinstance(datum.target, Ranked):
        return -math.inf, 0.0
    return datum.over if datum.over is not None else datum.target.exposure, datum.target.log_p
