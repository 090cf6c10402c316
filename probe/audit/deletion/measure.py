"""Models and texts -> what every model makes of every text: phi, and Min-K for the attack of MUSE.

phi = mean l_t, nats per token. mink = mean of the lowest 40% of l_t (Shi et al. 2023, 2310.16789; the share by which
MUSE's published code attacks, 2407.06460). Models are read one after the other, so that one at a time is held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from probe.audit.deletion.by_model import ByModel
from probe.models.base import Engine
from probe.scores.view import lowest, mean
from probe.types import Text, Tokens, TokenStats, Unscored

SHARE = 0.4
_CHUNK = 256  # texts between two steps of the progress bar
Progress = Callable[[int, int], None]  # done, in all


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Of the texts that every model can score. kept: their places, [texts]; reasons: place of another -> why not."""

    phi: ByModel
    mink: ByModel
    kept: tuple[int, ...]
    reasons: dict[int, str]


def measure(engines: list[Engine], after: int, texts: Sequence[Text], progress: Progress | None = None) -> Measured:
    """Returns both figures. engines: before, `after` of the models after, retrained; the list is emptied on the way."""
    entries = engines[0].tokenize([text.text for text in texts])
    reasons = {place: entry.reason for place, entry in enumerate(entries) if not isinstance(entry, Tokens)}
    tokens = {place: entry for place, entry in enumerate(entries) if isinstance(entry, Tokens)}
    values = np.full((2, len(engines), len(texts)), np.nan)
    total = len(engines) * len(tokens)
    for number in range(len(engines)):
        engine = engines.pop(0)
        steps = _progress(progress, number * len(tokens), total)
        for place, stats in zip(tokens, _score(engine, list(tokens.values()), steps), strict=True):
            if isinstance(stats, TokenStats):
                values[:, number, place] = -stats.loss, _mink(stats)
            else:
                reasons[place] = f"{engine.identity.name}: {stats.reason}"
    kept = tuple(place for place in range(len(texts)) if place not in reasons)
    phi, mink = (ByModel(rows[0], rows[1 : 1 + after], rows[1 + after :]) for rows in values[..., list(kept)])
    return Measured(phi, mink, kept, dict(sorted(reasons.items())))


def _score(engine: Engine, tokens: Sequence[Tokens], step: Callable[[int], None]) -> Iterator[TokenStats | Unscored]:
    for begin in range(0, len(tokens), _CHUNK):
        yield from engine.score(tokens[begin : begin + _CHUNK])
        step(min(begin + _CHUNK, len(tokens)))


def _progress(progress: Progress | None, before: int, total: int) -> Callable[[int], None]:
    return lambda done: progress(before + done, total) if progress else None


def _mink(stats: TokenStats) -> float:
    return mean(lowest(np.sort(stats.logprob.astype(np.float64)), SHARE))
