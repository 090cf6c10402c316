"""The flow, read aloud: texts are prepared, measured under target and reference, judged.

`prepare` needs no model time, `measure` is the forward passes, `judge` is arithmetic: a service runs the three side by
side for different requests, a library call prepares the next texts while it measures and judges these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from probe.ahead import ahead
from probe.calibration.batch import as_batch
from probe.calibration.calibration import Calibration
from probe.calibration.fingerprint import Fingerprint, take
from probe.calibration.sentinels import check_sentinels
from probe.corpus.opening import Corpus
from probe.data.frequencies import Frequencies
from probe.errors import FingerprintMismatch
from probe.judge import judge
from probe.measure import CHUNK, Progress, measure
from probe.models.base import Engine
from probe.neighbours import Proposer
from probe.prefixes import NO_PREFIXES, Prefixes
from probe.prepare import prepare
from probe.prepared import ALPHA, Options, Prepared
from probe.scores import choose
from probe.setup import Setup
from probe.types import Evidence, Result, Text

Input = str | Text


class Probe:
    """A target, perhaps a reference and a calibration: call it with texts. One thread at a time may `measure`."""

    def __init__(
        self, target: Engine, reference: Engine | None = None, calibration: Calibration | None = None,
        prefixes: Prefixes = NO_PREFIXES, frequencies: Frequencies | None = None, proposer: Proposer | None = None,
        corpus: Corpus | None = None,
    ) -> None:  # fmt: skip
        """Raises FingerprintMismatch where the calibration is for other models or this machine scores otherwise."""
        self._begin(Setup(target, reference, prefixes, frequencies, proposer, corpus), calibration)

    @classmethod
    def of(cls, setup: Setup, calibration: Calibration | None = None) -> Probe:
        """Returns a probe of what texts are measured with. Raises as the constructor does."""
        found = cls.__new__(cls)
        found._begin(setup, calibration)
        return found

    def _begin(self, setup: Setup, calibration: Calibration | None) -> None:
        target, reference = setup.target, setup.reference
        self.target, self.reference, self.setup = target, reference, setup
        self.fingerprint: Fingerprint = take(self.setup)
        self.warnings = target.warnings + (reference.warnings if reference else ())
        self.calibration: Calibration | None = None
        if calibration:
            self._verify(calibration)
            self.calibration = calibration

    def __call__(
        self, texts: Input | Iterable[Input], *, scores: Iterable[str] | None = None, alpha: float = ALPHA,
        progress: Progress | None = None,
    ) -> list[Result]:  # fmt: skip
        """Returns one Result per text, in order. Raises InputError for bad options, never for a bad text."""
        options = Options(None if scores is None else choose(scores), alpha)
        entries = [texts] if isinstance(texts, str | Text) else list(texts)
        every = [entry if isinstance(entry, Text) else Text(entry) for entry in entries]
        results: list[Result] = []
        for part in self.each(every, options):
            results += part
            if progress:
                progress(len(results), len(every))
        return as_batch(results, every, self.calibration)

    def each(self, texts: Sequence[Text], options: Options) -> Iterator[list[Result]]:
        """Yields the results of some texts after the other, in order: what each is alone, not as one of a set."""
        chunks, first = [texts[begin : begin + CHUNK] for begin in range(0, len(texts), CHUNK)], 0
        for prepared in ahead(lambda chunk: self.prepare(chunk, options), chunks):
            yield self._results(prepared, self.measure([prepared])[0], first)
            first += len(prepared.texts)

    def load(self) -> None:
        """Reads the weights now; else the first text that no cache holds does. Raises ModelError."""
        self.target.load()
        if self.reference:
            self.reference.load()

    def prepare(self, texts: Sequence[Text], options: Options) -> Prepared:
        """Tokenises; safe beside `measure` in another thread."""
        return prepare(self.setup, texts, options)

    def measure(self, requests: Sequence[Prepared], progress: Progress | None = None) -> list[list[Evidence]]:
        """Runs target and reference over all texts of all requests together; one list of Evidence per request."""
        return measure(self.setup, requests, progress)

    def judge(self, prepared: Prepared, evidence: Sequence[Evidence]) -> list[Result]:
        """Returns the results; gates on sets and q-values are over these texts."""
        return as_batch(self._results(prepared, evidence), prepared.texts, self.calibration)

    def _results(self, prepared: Prepared, evidence: Sequence[Evidence], first: int = 0) -> list[Result]:
        """first: the number of the first text among all of the call."""
        chosen, alpha = choose(prepared.options.scores), prepared.options.alpha
        results = [
            judge(number, text, row, self.calibration, chosen, alpha)
            for number, (text, row) in enumerate(zip(prepared.texts, evidence, strict=True), first)
        ]
        if self.setup.corpus:
            found = self.setup.corpus.look([text.text for text in prepared.texts])
            results = [replace(result, corpus=entry) for result, entry in zip(results, found, strict=True)]
        return [self._warned(result) for result in results]

    def _warned(self, result: Result) -> Result:
        """Adds what the engines warn of to every result that there is."""
        if not self.warnings or result.error:
            return result
        return replace(result, warnings=tuple(dict.fromkeys(self.warnings + result.warnings)))

    def _verify(self, calibration: Calibration) -> None:
        if wrong := calibration.fingerprint.mismatches(self.fingerprint):
            engines = calibration.fingerprint.engine, self.fingerprint.engine
            which = "" if engines[0] == engines[1] else " (engine {} then, {} now)".format(*engines)
            raise FingerprintMismatch(
                f"Calibration {calibration.name} was made for another {', '.join(wrong)}{which}. Name the calibration "
                "of these models, or make one: memprobe calibrate."
            )
        if calibration.fingerprint.same_conditions(self.fingerprint) or not calibration.sentinels:
            return
        texts = [Text(sentinel.text) for sentinel in calibration.sentinels]
        (measured,) = self.measure([self.prepare(texts, Options(frozenset({calibration.score})))])
        check_sentinels(calibration, measured)
