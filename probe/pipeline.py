"""The flow, read aloud: texts are prepared, measured under target and reference, scored, judged.

`prepare` needs no model time, `measure` is the forward passes, `judge` is arithmetic: a service runs the three side by
side for different requests, a library call one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from probe.ahead import ahead
from probe.calibration.calibration import Calibration
from probe.calibration.conformal import q_values
from probe.calibration.fingerprint import Fingerprint, take
from probe.calibration.gates import Place, check
from probe.calibration.verdict import decide, uncalibrated
from probe.errors import FingerprintMismatch, InputError
from probe.models.base import Engine
from probe.scores import TABLE, choose, score_all
from probe.scores.base import View
from probe.types import Default, Evidence, Result, Text, Tokens, TokenStats, Unscored, Verdict

ALPHA = 0.01
CHUNK = 256  # texts measured at once: enough to sort by length, few enough for progress
SENTINEL_TOLERANCE = 1e-3
_PREFERENCE = ("ref", "ref_bytes", "minkpp", "loss")
_NO_REFERENCE = Unscored("no reference model is given")
_NOT_SCORED = Unscored("the text cannot be scored under the target")
_NO_LOWERCASE = Unscored("not requested")
_UNCALIBRATED = "No calibration is named, so no score can be called high. Make one: memprobe calibrate."
Scored = TokenStats | Unscored
Progress = Callable[[int, int], None]  # texts done, texts in all
Input = str | Text
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """What a caller may choose. scores: ids to compute, None for all; alpha: the false-positive rate claimed.

    max_tokens: a longer text is not scored.
    """

    scores: frozenset[str] | None = None
    alpha: float = ALPHA
    max_tokens: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 0.5:
            raise InputError(f"alpha must lie between 0 and 0.5, not {self.alpha}.", "alpha")


@dataclass(frozen=True, slots=True)
class Prepared:
    """Texts of one caller, tokenised; each list has one entry per text."""

    texts: Sequence[Text]
    options: Options
    target: Sequence[Tokens | Unscored]
    reference: Sequence[Tokens | Unscored]
    lowercase: Sequence[Tokens | Unscored]

    @property
    def tokens(self) -> int:
        """Tokens that the target will read for the texts themselves."""
        return sum(len(tokens.ids) for tokens in self.target if isinstance(tokens, Tokens))


class Probe:
    """A target, perhaps a reference and a calibration: call it with texts. One thread at a time may `measure`."""

    def __init__(self, target: Engine, reference: Engine | None = None, calibration: Calibration | None = None) -> None:
        """Raises FingerprintMismatch where the calibration is for other models or this machine scores otherwise."""
        self.target, self.reference = target, reference
        self.fingerprint: Fingerprint = take(target, reference)
        self._alike = reference is not None and target.same_tokenizer(reference)
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
        chunks = [every[begin : begin + CHUNK] for begin in range(0, len(every), CHUNK)]
        results: list[Result] = []
        for prepared in ahead(lambda chunk: self.prepare(chunk, options), chunks):
            results += self._results(prepared, self.measure([prepared])[0], len(results))
            if progress:
                progress(len(results), len(every))
        return _with_q_values(results)

    def load(self) -> None:
        """Reads the weights now; else the first text that no cache holds does. Raises ModelError."""
        self.target.load()
        if self.reference:
            self.reference.load()

    def prepare(self, texts: Sequence[Text], options: Options) -> Prepared:
        """Tokenises; safe beside `measure` in another thread."""
        plain = [entry.text.strip() or entry.text for entry in texts]  # a final newline is the file's, not the text's
        lower = [text.lower() for text in plain] if "lowercase" in choose(options.scores) else []
        found = [_limited(entry, options.max_tokens) for entry in self.target.tokenize(plain)]
        tokens = [_placed(entry, text.text) for entry, text in zip(found, texts, strict=True)]
        other = self._for_reference(plain, found)
        copies = self.target.tokenize(lower) if lower else [_NO_LOWERCASE] * len(plain)
        keep = [isinstance(entry, Tokens) for entry in tokens]  # a text that is refused costs no other pass
        return Prepared(
            texts, options, tokens,
            [entry if kept else _NOT_SCORED for entry, kept in zip(other, keep, strict=True)],
            [entry if kept else _NOT_SCORED for entry, kept in zip(copies, keep, strict=True)],
        )  # fmt: skip

    def _for_reference(self, texts: Sequence[str], found: list[Tokens | Unscored]) -> list[Tokens | Unscored]:
        """Tokens of the reference: the target's where its tokenizer is the very same."""
        if self.reference is None:
            return [_NO_REFERENCE] * len(texts)
        if self.reference.identity.tokenizer == self.target.identity.tokenizer:
            return found
        return self.reference.tokenize(texts)

    def measure(self, requests: Sequence[Prepared], progress: Progress | None = None) -> list[list[Evidence]]:
        """Runs target and reference over all texts of all requests together; one list of Evidence per request."""
        places = [(request, row) for request in requests for row in range(len(request.texts))]
        evidence: list[Evidence] = []
        for begin in range(0, len(places), CHUNK):
            evidence += self._evidence(places[begin : begin + CHUNK])
            if progress:
                progress(len(evidence), len(places))
        rows = iter(evidence)
        return [[next(rows) for _ in request.texts] for request in requests]

    def judge(self, prepared: Prepared, evidence: Sequence[Evidence]) -> list[Result]:
        """Returns the results; q-values are over these texts."""
        return _with_q_values(self._results(prepared, evidence))

    def _evidence(self, places: Sequence[tuple[Prepared, int]]) -> list[Evidence]:
        originals = [request.target[row] for request, row in places]
        copies = [request.lowercase[row] for request, row in places]
        stats = _score(self.target, [*originals, *copies])  # lowercase copies ride in the same batches
        references = [request.reference[row] for request, row in places]
        reference_stats = _score(self.reference, references) if self.reference else [_NO_REFERENCE] * len(places)
        return [
            Evidence(request.texts[row].text.strip(), stats[i], reference_stats[i], stats[len(places) + i], self._alike)
            for i, (request, row) in enumerate(places)
        ]

    def _results(self, prepared: Prepared, evidence: Sequence[Evidence], first: int = 0) -> list[Result]:
        """first: the number of the first text among all of the call."""
        chosen, alpha = choose(prepared.options.scores), prepared.options.alpha
        pairs = zip(prepared.texts, evidence, strict=True)
        return [self._result(first + i, entry, row, chosen, alpha) for i, (entry, row) in enumerate(pairs)]

    def _result(self, index: int, entry: Text, evidence: Evidence, chosen: frozenset[str], alpha: float) -> Result:
        if isinstance(evidence.target, Unscored):
            return Result(index, entry.id, None, None, {}, error=f"Cannot score: {evidence.target.reason}.")
        smoothing = self.calibration.smoothing if self.calibration else 1.0
        view = View(evidence, smoothing)
        scores = score_all(view, chosen)
        default, verdict = self._verdict(view, alpha)
        reference = evidence.reference if isinstance(evidence.reference, TokenStats) else None
        warnings = evidence.target.tokens.warnings + (reference.tokens.warnings if reference else ())
        return Result(
            index, entry.id, verdict, default, scores, evidence.target, reference,
            warnings=tuple(dict.fromkeys(self.warnings + warnings)),
        )  # fmt: skip

    def _verdict(self, view: View, alpha: float) -> tuple[Default | None, Verdict]:
        """Rests on the default score, whether it was asked for or not."""
        name = self.calibration.score if self.calibration else default_score(view)
        known = TABLE[name].of(view)
        if known.value is None:
            return None, uncalibrated(f"The score {name} is missing: {known.reason}.")
        if self.calibration is None:
            return Default(name, known.value), uncalibrated(_UNCALIBRATED)
        length, difficulty = len(view.target.logprob), difficulty_of(view.evidence)
        calibrated, as_member = self.calibration.calibrated(known.value, length, difficulty)
        claim = self.calibration.claim(alpha)
        gates = check(self.calibration, claim, view.text, Place(length, difficulty, variety_of(view.target)))
        return Default(name, known.value, calibrated), decide(self.calibration, claim, calibrated, as_member, gates)

    def _verify(self, calibration: Calibration) -> None:
        if wrong := calibration.fingerprint.mismatches(self.fingerprint):
            raise FingerprintMismatch(
                f"Calibration {calibration.name} was made for another {', '.join(wrong)}. Name the calibration of "
                "these models, or make one: memprobe calibrate."
            )
        if calibration.fingerprint.same_conditions(self.fingerprint) or not calibration.sentinels:
            return
        found = self([sentinel.text for sentinel in calibration.sentinels], scores=[calibration.score])
        values = [result.scores[calibration.score].value if result.scores else None for result in found]
        for sentinel, value in zip(calibration.sentinels, values, strict=True):
            if value is None or abs(value - sentinel.value) > SENTINEL_TOLERANCE:
                raise FingerprintMismatch(
                    f"This machine scores calibration {calibration.name}'s sentinel texts differently ({value} instead "
                    f"of {sentinel.value:.6f}; tolerance {SENTINEL_TOLERANCE}). Calibrate again here, or use its "
                    f"versions: {calibration.fingerprint.versions}."
                )


def _with_q_values(results: list[Result]) -> list[Result]:
    tested = [i for i, result in enumerate(results) if result.verdict and result.verdict.p_value is not None]
    p_values = [float(v.p_value) for i in tested if (v := results[i].verdict) and v.p_value is not None]
    for i, q_value in zip(tested, q_values(p_values), strict=True):
        results[i] = replace(results[i], q_value=q_value)
    return results


def default_score(view: View) -> str:
    """Returns the score that a verdict rests on: ref, else bits per byte, else Min-K%++, else the loss."""
    return next((name for name in _PREFERENCE if TABLE[name].of(view).value is not None), _PREFERENCE[-1])


def difficulty_of(evidence: Evidence) -> float:
    """Returns the reference loss in nats per token, 0 without a reference."""
    return evidence.reference.loss if isinstance(evidence.reference, TokenStats) else 0.0


def _placed(entry: Tokens | Unscored, text: str) -> Tokens | Unscored:
    """Offsets count from the beginning of the caller's text, white space included."""
    lead = len(text) - len(text.lstrip())
    if not lead or isinstance(entry, Unscored):
        return entry
    return replace(entry, start=entry.start + lead, end=entry.end + lead)


def _limited(entry: Tokens | Unscored, limit: int | None) -> Tokens | Unscored:
    if limit is None or isinstance(entry, Unscored) or len(entry.ids) <= limit:
        return entry
    return Unscored(f"it has {len(entry.ids):,} tokens and the limit is {limit:,}; send passages of it")


def variety_of(stats: TokenStats) -> float:
    """Returns the share of distinct tokens among those scored."""
    ids = stats.tokens.ids[1:]
    return len(np.unique(ids)) / len(ids)


def _score(engine: Engine, tokens: Sequence[Tokens | Unscored]) -> list[Scored]:
    good = [entry for entry in tokens if isinstance(entry, Tokens)]
    stats = iter(engine.score(good))
    return [next(stats) if isinstance(entry, Tokens) else entry for entry in tokens]
