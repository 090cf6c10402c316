"""Where personal data stand in a text: Presidio's recognisers, and patterns of the user's own.

Without a spaCy model of the language Presidio finds what has a form (e-mail, card, IBAN, IP address, phone number ...);
names and places take one. Nothing is fetched.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import regex

from probe.errors import InputError, ModelError
from probe.untold import called, shown

Pattern: TypeAlias = Any  # regex ships no types
SECONDS = 5.0  # that the patterns may take for a text: some expressions would take for ever
LONGEST, MOST_REPEATED = 1000, 100_000  # of a pattern: what {} asks for at least is written out when it is compiled
_REPEATED = regex.compile(r"\{\s*(\d+)")
LEAST = 0.35  # Presidio's confidence; a phone number without its country has .4
_LANGUAGE = re.compile("[a-z]{2,8}")
_PIECE, _AROUND = 100_000, 1_000  # characters that Presidio reads at once (spaCy refuses a million), and around them
_NO_DATA = frozenset(("URL", "DATE_TIME", "NRP", "AGE", "ORGANIZATION"))  # found, and of nobody in particular


@dataclass(frozen=True, slots=True)
class Span:
    """start, end: characters. kind: Presidio's name of the entity, or that of the user's pattern."""

    start: int
    end: int
    kind: str


def named(given: Sequence[str]) -> dict[str, str]:
    """Returns expressions by name from NAME=EXPRESSION each. Raises InputError."""
    parts = [one.partition("=") for one in given]
    if any(not name or not expression for name, _, expression in parts):
        said = "A pattern has no name, or nothing else"
        raise InputError(f"{said}: write NAME=EXPRESSION, such as ID='[A-Z]{{2}}\\d{{6}}'.", "pattern")
    return {name: expression for name, _, expression in parts}


def patterns_of(given: Mapping[str, str]) -> dict[str, Pattern]:
    """Returns the user's patterns: what is found is the first group of an expression, or all. Raises InputError."""
    found = {}
    for name, expression in given.items():
        if not name or not expression:
            raise InputError("A pattern takes a name and an expression.", "patterns")
        found[name] = _compiled(name, expression)
    return found


def _compiled(name: str, expression: str) -> Pattern:
    repeated = math.prod(max(1, int(least)) for least in _REPEATED.findall(expression[:LONGEST]))
    if len(expression) > LONGEST or repeated > MOST_REPEATED:
        raise InputError(
            f"The pattern {called(name)} is too large: {LONGEST:,} characters at most, and least "
            f"numbers of repetitions that multiply to {MOST_REPEATED:,}.", "patterns",
        )  # fmt: skip
    try:
        return regex.compile(expression)
    except (regex.error, RecursionError, OverflowError) as error:
        place = getattr(error, "pos", None)
        where = "" if place is None else f" (character {place + 1})"
        raise InputError(f"The pattern {called(name)} is no regular expression{where}.", "patterns") from error


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
            f"The pattern {shown(name, 'of that name')} takes more than {SECONDS:g} s for a text of {len(text):,} "
            "characters: write a simpler one, without repetitions within repetitions.", "patterns",
        ) from error  # fmt: skip
    ends = [one.span(1 if pattern.groups else 0) for one in found]
    return [Span(begin, end, name) for begin, end in ends if end > begin >= 0]


def _by_presidio(text: str, language: str) -> list[Span]:
    found = [
        (one.score, begin + one.start, begin + one.end, one.entity_type)
        for first, begin in _pieces(len(text))
        for one in _analyzer(language).analyze(
            text[begin : first + _PIECE + _AROUND], language=language, score_threshold=LEAST
        )
        if one.entity_type not in _NO_DATA and first <= begin + one.start < first + _PIECE
    ]
    found.sort(key=lambda one: (-one[0], one[1] - one[2]))
    return [Span(start, end, kind) for _, start, end, kind in found]


def _pieces(length: int) -> Iterator[tuple[int, int]]:
    """Yields where each piece of a text begins, and where it is read from."""
    for first in range(0, max(1, length), _PIECE):
        yield first, max(0, first - _AROUND)


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
        if not _LANGUAGE.fullmatch(language):  # it becomes part of a module's name
            raise ValueError
        return spacy.load(installed[0]) if installed else spacy.blank(language)
    except (ImportError, OSError, ValueError) as error:
        raise InputError(f"spaCy knows no language {called(language)}.", "language") from error


def _stay_offline() -> None:
    """Presidio's recogniser of e-mail asks tldextract, which would fetch its list of suffixes from the network."""
    import tldextract

    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
