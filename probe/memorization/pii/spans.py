"""Where personal data stand in a text: Presidio's recognisers, and patterns of the user's own.

Without a spaCy model of the language Presidio finds what has a form (e-mail, card, IBAN, IP address, phone number ...);
names and places take one. Nothing is fetched.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import regex

from probe.errors import InputError, ModelError

Pattern: TypeAlias = Any  # regex ships no types
SECONDS = 5.0  # that the patterns may take for a text: some expressions would take for ever
LONGEST, MOST_REPEATED = 1000, 100_000  # of a pattern: what {} asks for at least is written out when it is compiled
_REPEATED = regex.compile(r"\{\s*(\d+)")
LEAST = 0.35  # Presidio's confidence; a phone number without its country has .4
_NO_DATA = frozenset(("URL", "DATE_TIME", "NRP", "AGE", "ORGANIZATION"))  # found, and of nobody in particular


@dataclass(frozen=True, slots=True)
class Span:
    """start, end: characters. kind: Presidio's name of the entity, or that of the user's pattern."""

    start: int
    end: int
    kind: str


def patterns_of(given: Sequence[str]) -> dict[str, Pattern]:
    """Returns the user's patterns, NAME=EXPRESSION each: what is found is its first group or all. Raises InputError."""
    found = {}
    for one in given:
        name, _, expression = one.partition("=")
        if not name or not expression:
            raise InputError(
                f"{one!r} is no pattern: write NAME=EXPRESSION, such as ID='[A-Z]{{2}}\\d{{6}}'.", "pattern"
            )
        found[name] = _compiled(expression)
    return found


def _compiled(expression: str) -> Pattern:
    repeated = math.prod(max(1, int(least)) for least in _REPEATED.findall(expression[:LONGEST]))
    if len(expression) > LONGEST or repeated > MOST_REPEATED:
        raise InputError(
            f"The pattern {expression[:60]!r} is too large: {LONGEST:,} characters at most, and numbers of repetitions "
            f"that come to {MOST_REPEATED:,} together.", "pattern",
        )  # fmt: skip
    try:
        return regex.compile(expression)
    except (regex.error, RecursionError, OverflowError) as error:
        raise InputError(f"{expression!r} is no regular expression ({error}).", "pattern") from error


def find(text: str, patterns: Mapping[str, Pattern], presidio: bool = True, language: str = "en") -> list[Span]:
    """Returns spans in order that do not overlap: the user's first, then the surest and longest.

    Raises ModelError, and InputError for a pattern that takes too long.
    """
    own = [span for name, pattern in patterns.items() for span in _by_pattern(text, name, pattern)]
    others = _by_presidio(text, language) if presidio else []
    kept: list[Span] = []
    for one in [*own, *others]:
        if one.end > one.start >= 0 and all(one.end <= other.start or other.end <= one.start for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda span: span.start)


def _by_pattern(text: str, name: str, pattern: Pattern) -> list[Span]:
    try:  # others go on meanwhile (concurrent)
        found = list(pattern.finditer(text, concurrent=True, timeout=SECONDS))
    except TimeoutError as error:
        raise InputError(
            f"The pattern {name} takes more than {SECONDS:g} s for a text of {len(text):,} characters: write a simpler "
            "one, without repetitions within repetitions.", "patterns",
        ) from error  # fmt: skip
    ends = [one.span(1 if pattern.groups else 0) for one in found]
    return [Span(begin, end, name) for begin, end in ends if end > begin >= 0]


def _by_presidio(text: str, language: str) -> list[Span]:
    found = [
        one
        for one in _analyzer(language).analyze(text, language=language, score_threshold=LEAST)
        if one.entity_type not in _NO_DATA
    ]
    found.sort(key=lambda one: (-one.score, one.start - one.end))
    return [Span(one.start, one.end, one.entity_type) for one in found]


@cache
def _analyzer(language: str) -> Any:
    try:
        import spacy
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.nlp_engine import SpacyNlpEngine
    except ImportError as error:
        raise ModelError(
            "Personal data are found by Presidio: pip install memprobe[pii], or name patterns of your own (--pattern)."
        ) from error
    _stay_offline()
    engine: Any = SpacyNlpEngine(models=[{"lang_code": language, "model_name": "here"}])
    engine.nlp = {language: _words(spacy, language)}
    return AnalyzerEngine(nlp_engine=engine, supported_languages=[language])


def _words(spacy: Any, language: str) -> Any:
    """Returns an installed spaCy model of the language, the largest; else one that knows words alone."""
    installed = [name for name in spacy.util.get_installed_models() if name.startswith(f"{language}_core_")]
    order = ("trf", "lg", "md", "sm")
    installed.sort(key=lambda name: next((place for place, end in enumerate(order) if name.endswith(end)), len(order)))
    try:
        return spacy.load(installed[0]) if installed else spacy.blank(language)
    except (ImportError, OSError, ValueError) as error:
        raise InputError(f"spaCy does not know the language {language!r} ({error}).", "language") from error


def _stay_offline() -> None:
    """Presidio's recogniser of e-mail asks tldextract, which would fetch its list of suffixes from the network."""
    import tldextract

    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
