"""Tokens -> statistics: the forward passes of target and reference, over the texts of all requests together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from probe.data.frequencies import Frequencies
from probe.models.base import NO_EXTRAS, Engine, Extras
from probe.prepare import NO_REFERENCE, Prepared
from probe.setup import Setup
from probe.types import Evidence, Tokens, TokenStats, Unscored

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
    originals = [request.target[row] for request, row in places]
    copies = [entry for request, row in places for group in request.copies.values() for entry in group[row]]
    stats = iter(_score(setup.target, [*originals, *copies]))  # copies ride in the same batches
    references = [request.reference[row] for request, row in places]
    reference_stats = _score(setup.reference, references) if setup.reference else [NO_REFERENCE] * len(places)
    target_stats = [next(stats) for _ in places]
    behind = _behind(setup, places)
    return [
        Evidence(
            request.texts[row].text.strip(), target_stats[place], reference_stats[place],
            {name: [next(stats) for _ in group[row]] for name, group in request.copies.items()}, behind[place],
            setup.alike, _rarity(setup.frequencies, originals[place]),
        )
        for place, (request, row) in enumerate(places)
    ]  # fmt: skip


def _rarity(frequencies: Frequencies | None, tokens: Tokens | Unscored) -> npt.NDArray[np.float64] | None:
    return frequencies.rarity(tokens.ids[1:]) if frequencies and isinstance(tokens, Tokens) else None


def _behind(setup: Setup, places: Sequence[Place]) -> list[dict[str, Measured]]:
    """Returns the statistics behind each prefix that a text's request reads, by role; a prefix is one pass."""
    found: list[dict[str, Measured]] = [{} for _ in places]
    for role in sorted({role for request, _ in places for role in request.behind}):
        chosen = [place for place, (request, _) in enumerate(places) if role in request.behind]
        entries = [places[place][0].behind[role][places[place][1]] for place in chosen]
        stats = _score(setup.target, entries, Extras(prefix=setup.prefixes.ids.get(role, ())))
        for place, entry in zip(chosen, stats, strict=True):
            found[place][role] = entry
    return found


def _score(engine: Engine, tokens: Sequence[Tokens | Unscored], extras: Extras = NO_EXTRAS) -> list[Measured]:
    good = [entry for entry in tokens if isinstance(entry, Tokens)]
    stats = iter(engine.score(good, extras))
    return [next(stats) if isinstance(entry, Tokens) else entry for entry in tokens]
