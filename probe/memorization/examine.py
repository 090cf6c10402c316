"""A document -> its passages judged, the whole of it scanned, and on request the model's own words beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from probe.calibration.calibration import Calibration
from probe.documents.document import Document
from probe.documents.passages import FEWEST, MOST, Passage, passages
from probe.documents.words import words
from probe.errors import UnknownName
from probe.memorization.continued import Continuation, behind, go_on, highest
from probe.memorization.recut import as_recut
from probe.memorization.scan import Options, Progress, Scan, scan
from probe.memorization.strip import gains
from probe.memorization.windows import Vector
from probe.pipeline import Probe
from probe.types import Result, Text

_USUAL = 0.25, 0.9  # quantiles of the lengths of its texts
Bar = Callable[[str], AbstractContextManager[Progress]]


@dataclass(frozen=True, eq=False)
class Examined:
    """results: of the passages, in their order. options: of the scan. alpha: that verdicts claim. generate: how many
    windows the model was to go on from; samples: how often by chance, from each.
    """

    document: Document
    passages: Sequence[Passage]
    results: Sequence[Result]
    scan: Scan
    options: Options
    continuations: Sequence[Continuation]
    probe: Probe
    alpha: float = 0.01
    generate: int = 0
    samples: int = 0

    @cached_property
    def gains(self) -> Vector:
        """How much likelier each passage is under the target, nats per token [passages] (strip.py)."""
        return gains(self.scan, self.passages)

    def window_before(self, number: int) -> int:
        """Returns the window from whose prefix the model comes to this passage; number: from 1. Raises UnknownName for
        one that there is not, InputError where too little stands before it.
        """
        if not 1 <= number <= len(self.passages):
            raise UnknownName(f"The document's passages have numbers from 1 to {len(self.passages):,}.", "number")
        passage = self.passages[number - 1]
        return behind(self.scan, passage.start, passage.end)

    def having(self, made: Continuation) -> Examined:
        """Returns the same with what the model wrote behind one more window, or anew."""
        others = [one for one in self.continuations if one.middle != made.middle]
        return replace(self, continuations=sorted([*others, made], key=lambda one: one.start))

    def text(self, passage: Passage) -> str:
        return self.document.text[passage.start : passage.end]


def _sizes(calibration: Calibration | None, tokens: float) -> tuple[int, int]:
    """Returns the fewest and the most words of a passage: as long as most texts that the calibration knows, for others
    it cannot judge. tokens: of a word.
    """
    if calibration is None:
        return FEWEST, MOST
    short, long = np.quantile(calibration.tokens, _USUAL) / tokens
    most = max(2, int(long))
    return min(max(1, int(short)), most - 1), most


def examine(
    probe: Probe, document: Document, options: Options, bar: Bar, alpha: float, generate: int = 0, samples: int = 0
) -> Examined:  # fmt: skip
    """generate: how many windows the model goes on from, so many times by chance besides (samples).

    Raises InputError for a document that cannot be scored.
    """
    with bar("Reading the document") as progress:
        scanned = scan(probe.target, probe.reference, document.text, options, progress)
    found = passages(document, *_sizes(probe.calibration, scanned.size / len(words(document.text))))
    texts = [Text(document.text[one.start : one.end], one.place, document.name) for one in found]
    with bar("Judging its passages") as progress:
        results = as_recut(probe(texts, alpha=alpha, progress=progress))
    continued: Sequence[Continuation] = []
    if generate:
        with bar("Letting the model go on") as progress:
            windows = highest(scanned, generate)
            continued = go_on(probe.target, scanned, document.text, windows, samples, options.sampler, progress)
    return Examined(document, found, results, scanned, options, continued, probe, alpha, generate, samples)
