"""One target, calibrated and tried: what each score gave to members and non-members, and what was answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.accuracy.texts import Deal
from probe import calibrate
from probe.demo.evaluate import calibrated, false_positives, values
from probe.models.base import Engine
from probe.models.cache import Cache, CachedEngine
from probe.models.local import LocalEngine
from probe.pipeline import Probe
from probe.setup import Setup
from probe.shadow.learned import read_learned
from probe.types import Result

Vector = npt.NDArray[np.float64]
DEFAULT = "default (calibrated)"
ALPHAS = (0.05, 0.01, 0.001)
SIDE_BY_SIDE = 2  # processes of one thread: models this small gain little from a second core


@dataclass(frozen=True)
class Case:
    """Whom to try, against which reference and placebo, on which texts; places are folders of models."""

    target: Path
    reference: Path
    placebo: Path | None
    dealt: Deal
    seed: int


@dataclass(frozen=True)
class Judged:
    """scores: by name, of members and of non-members, in standard deviations of the latter, so that seeds pool.
    calls: answers on either. failed: what gates found that failed for the calibration. alarms: by alpha, how many of
    all texts exceed the threshold, and the 95% band if none of them were a member.
    """

    scores: dict[str, tuple[Vector, Vector]]
    calls: tuple[Counter[str], Counter[str]]
    failed: list[str]
    alarms: dict[float, str]


def judge_all(cases: Sequence[Case], cache: Path) -> Iterator[Judged]:
    """Yields in order of the cases. cache: a file for statistics of texts."""
    with ProcessPoolExecutor(SIDE_BY_SIDE, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        running = [pool.submit(judge, case, cache) for case in cases]
        for one in running:
            yield one.result()


def judge(case: Case, cache: Path) -> Judged:
    kept = Cache(cache, 1 << 34)
    engines = [_open(place, kept) for place in (case.target, case.reference)]
    probe = Probe.of(Setup(engines[0], engines[1], learned=read_learned(case.reference)))
    dealt = case.dealt
    placebo = _open(case.placebo, kept) if case.placebo else None
    calibration = calibrate(probe, dealt.set_aside[1], "bench", case.seed, placebo=placebo)
    tried = Probe.of(probe.setup, calibration)
    members, nonmembers = tried(dealt["members"]), tried(dealt["nonmembers"])
    names = [DEFAULT, *members[0].scores]
    every = {name: (_values(members, name), _values(nonmembers, name)) for name in names}
    return Judged(
        {name: _standard(*pair) for name, pair in every.items() if all(map(len, pair))},
        (_calls(members), _calls(nonmembers)),
        [calibration.findings[name] for name, gate in calibration.gates.items() if gate == "fail"],
        {alpha: false_positives(tried, [*members, *nonmembers], alpha) for alpha in ALPHAS},
    )


def _open(place: Path, cache: Cache) -> Engine:
    return CachedEngine(LocalEngine.open(str(place)), cache)


def _values(results: Sequence[Result], name: str) -> Vector:
    return calibrated(results) if name == DEFAULT else values(results, name)


def _standard(members: Vector, nonmembers: Vector) -> tuple[Vector, Vector]:
    center, scale = nonmembers.mean(), nonmembers.std() or 1.0
    return (members - center) / scale, (nonmembers - center) / scale


def _calls(results: Sequence[Result]) -> Counter[str]:
    return Counter(str(result.verdict.call) if result.verdict else "error" for result in results)
