"""One target of a fleet under attack by the others: the scores of every text, members and non-members."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.figures import Scores
from probe.models.base import Engine
from probe.models.cache import Cache, CachedEngine
from probe.models.local import LocalEngine
from probe.pipeline import Probe
from probe.prepared import Options
from probe.scores import SHADOWED
from probe.scores.shadowed import Flags
from probe.shadow.duel import duel
from probe.shadow.universe import Universe

SCORES = ("loss", "zlib", "mink", "minkpp", "surp", "ref", "wbc", "ez", "minkpp_diff", *SHADOWED)


@dataclass(frozen=True)
class Case:
    """folder: of the fleet; number: of the target's place in it, which its shadows exclude; sibling: a model that saw
    none of the texts and stands in the target's place.
    """

    folder: Path
    base: Path
    found: Universe
    number: int
    sibling: Path | None = None


def judge(case: Case, cache: Path) -> Scores:
    found, kept = case.found, Cache(cache, 1 << 34)

    def opened(place: str) -> Engine:
        return CachedEngine(LocalEngine.open(place), kept)

    sibling = opened(str(case.sibling)) if case.sibling else None
    setup = duel(case.folder, found, case.number, opened(str(case.base)), opened, target=sibling)
    return _scores(Probe.of(setup), found, found.inside[case.number])


def _scores(probe: Probe, found: Universe, member: Flags) -> Scores:
    results = [result for part in probe.each(found.texts, Options(frozenset(SCORES))) for result in part]
    values = {
        name: np.array([np.nan if (value := result.scores[name].value) is None else value for result in results])
        for name in SCORES
    }
    return {name: (row[member & ~np.isnan(row)], row[~member & ~np.isnan(row)]) for name, row in values.items()}
