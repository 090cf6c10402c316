"""Tokens -> statistics: the forward passes of target and reference, over the texts of all requests together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat

import numpy as np
import numpy.typing as npt

from probe.data.frequencies import Frequencies
from probe.models.base import NO_EXTRAS, Engine, Extras
from probe.models.writing import Prompt, write
from probe.prepare import NO_REFERENCE
from probe.prepared import Entry, Prepared
from probe.scores.samia import SAMPLES
from probe.scores.shadowed import Shadowed
from probe.scores.view import NOT_ASKED
from probe.setup import Setup
from probe.types import NO_SHADOWS, Evidence, Tokens, TokenStats, Unscored
from probe.wanted import still_wanted

CHUNK = 256  # texts measured at once: enough to sort by length, few enough for progress
Place = tuple[Prepared, int]  # a request, and the number of a text in it
Measured = TokenStats | Unscored
Progress = Callable[[int, int], None]  # texts done, texts in all


def measure(setup: Setup, requests: Sequence[Prepared], progress: Progress | None = None) -> list[list[Evidence]]:
    """Returns one list of Evidence per request."""
    places = [(request, row) for request in requests for row in range(len(request.texts))]
    evidence: list[Evidence] = []
    for begin in range(0, len(places), CHUNK):
        evidence += _evidence(setup, places[begin : begin + CHUNK])
        if progress:
            progress(len(evidence), len(places))
    rows = iter(evidence)
    return [[next(rows) for _ in request.texts] for request in requests]


def _evidence(setup: Setup, places: Sequence[Place]) -> list[Evidence]:
    originals = [(request.target[row], request.extras) for request, row in places]
    copies = [entry for request, row in places for group in request.copies.values() for entry in group[row]]
    stats = iter(_score(setup.target, [*originals, *_plain(copies)]))  # copies ride in the same batches
    references = [request.reference[row] for request, row in places]
    references += [e for request, row in places for group in request.reference_copies.values() for e in group[row]]
    reference_stats: Iterator[Measured] = repeat(NO_REFERENCE)
    if setup.reference:
        reference_stats = iter(_score(setup.reference, _plain(references)))
    of_target, of_reference = ([next(found) for _ in places] for found in (stats, reference_stats))
    shadows = _shadows(setup, places)
    behind, written = _behind(setup, places), _written(setup.target, places)
    return [
        Evidence(
            request.texts[row].text.strip(), of_target[place], of_reference[place],
            {name: [next(stats) for _ in group[row]] for name, group in request.copies.items()}, behind[place],
            setup.alike, _rarity(setup.frequencies, request.target[row]),
            {name: [next(reference_stats) for _ in group[row]] for name, group in request.reference_copies.items()},
            written[place], shadows[place],
        )
        for place, (request, row) in enumerate(places)
    ]  # fmt: skip


def _shadows(setup: Setup, places: Sequence[Place]) -> list[Shadowed | Unscored]:
    if setup.shadows is None:
        return [NO_SHADOWS] * len(places)
    texts = [request.texts[row].text for request, row in places]
    return setup.shadows.measure(setup.target, texts, [request.target[row] for request, row in places])


def _written(target: Engine, places: Sequence[Place]) -> list[Sequence[str] | Unscored]:
    """Returns what the target writes behind the first half of each text that asks for it."""
    entries = [request.prompts[row] if request.prompts else NOT_ASKED for request, row in places]
    drawn = iter(write(target, [entry for entry in entries if isinstance(entry, Prompt)], SAMPLES))
    return [next(drawn) if isinstance(entry, Prompt) else entry for entry in entries]


def _rarity(frequencies: Frequencies | None, tokens: Tokens | Unscored) -> npt.NDArray[np.float64] | None:
    return frequencies.rarity(tokens.ids[1:]) if frequencies and isinstance(tokens, Tokens) else None


def _behind(setup: Setup, places: Sequence[Place]) -> list[dict[str, Measured]]:
    """Returns the statistics behind each prefix that a text's request reads, by role; a prefix is one pass."""
    found: list[dict[str, Measured]] = [{} for _ in places]
    for role in sorted({role for request, _ in places for role in request.behind}):
        chosen = [place for place, (request, _) in enumerate(places) if role in request.behind]
        entries = [places[place][0].behind[role][places[place][1]] for place in chosen]
        extras = Extras(prefix=setup.prefixes.ids.get(role, ()))
        stats = _score(setup.target, [(entry, extras) for entry in entries])
        for place, entry in zip(chosen, stats, strict=True):
            found[place][role] = entry
    return found


def _plain(entries: Sequence[Entry]) -> list[tuple[Entry, Extras]]:
    return [(entry, NO_EXTRAS) for entry in entries]


def _score(engine: Engine, entries: Sequence[tuple[Entry, Extras]]) -> list[Measured]:
    """Scores each entry with its extras; those of the same ones together."""
    still_wanted()
    groups: dict[Extras, list[Tokens]] = {}
    for tokens, extras in entries:
        if isinstance(tokens, Tokens):
            groups.setdefault(extras, []).append(tokens)
    stats = {extras: iter(engine.score(group, extras)) for extras, group in groups.items()}
    return [next(stats[extras]) if isinstance(tokens, Tokens) else tokens for tokens, extras in entries]
