"""The flow on the embedded pair: verdicts, invariance, reasons, fingerprints."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from probe import Text, open_probe
from probe.calibration.calibration import Sentinel
from probe.errors import FingerprintMismatch, InputError, UnknownName
from probe.judge import difficulty_of
from probe.pipeline import Probe
from probe.prepare import SPARSE
from probe.prepared import Options
from probe.scores import TABLE, choose
from probe.types import Call, Tokens, TokenStats, Unscored
from tests.tiny import ASSETS

SENTENCES = [
    "Return the number of items that the queue holds at this moment, which may have changed by the time you look.",
    "If the connection is closed by the other side before the answer is complete, an error is raised.",
    "My grandmother baked plum cakes every September and gave one to each of the neighbours on our street.",
    "The value must be a string, or none at all if the default is to be used.",
]


def test_order_and_company_do_not_matter(demo: Probe) -> None:
    texts = SENTENCES * 3 + ["A much shorter sentence than the others are, but long enough."]
    shuffled = random.Random(1).sample(range(len(texts)), len(texts))
    together = demo([texts[i] for i in shuffled])
    for place, i in enumerate(shuffled):
        (alone,) = demo(texts[i])
        assert alone.verdict and together[place].verdict
        assert alone.verdict.call == together[place].verdict.call
        for name, score in alone.scores.items():
            if score.value is not None:
                assert together[place].scores[name].value == pytest.approx(score.value, abs=1e-4), name


def test_hostile_neighbours_cost_nothing(demo: Probe) -> None:
    hostile = ["", " ", "\ud800", "x", "\0", "😀" * 40, "a" * 50_000, "<|end|>"]
    results = demo([SENTENCES[0], *hostile, SENTENCES[1]])
    assert [result.error is None for result in results] == [True, False, False, False, *[True] * 6]
    (first,), (last,) = demo(SENTENCES[0]), demo(SENTENCES[1])
    assert results[0].scores["ref"].value == pytest.approx(first.scores["ref"].value, abs=1e-4)
    assert results[-1].scores["ref"].value == pytest.approx(last.scores["ref"].value, abs=1e-4)
    assert all(result.verdict is None or result.verdict.call is not Call.MEMBER for result in results)


def test_too_short_and_too_long_say_which_length_is_needed(demo: Probe) -> None:
    short, long = demo(["Two words.", SENTENCES[0] * 9])
    for result, remedy in ((short, "send a longer passage"), (long, "send a passage of it")):
        assert result.verdict and result.verdict.call is Call.OUT_OF_DISTRIBUTION
        assert "the calibration covers 10 to" in result.verdict.reason and remedy in result.verdict.reason
        assert result.verdict.gates["support"] == "fail"


def test_a_typed_sentence_is_answered(demo: Probe) -> None:
    result = demo("This method returns the name of the file that was opened last.")[0]
    assert result.verdict and result.verdict.gates["support"] == "pass"


def test_what_calibrated_fails_the_overlap_gate(demo: Probe) -> None:
    assert demo.calibration
    from probe.demo.locate import find, marks

    chosen = [entry for entry in marks() if entry.split == "calibration" and entry.role == "member"][:60]
    for result in demo(list(find(chosen).values())):
        assert result.verdict and result.verdict.gates["overlap"] == "fail"
        assert result.verdict.call not in (Call.MEMBER, Call.NOT_MEMBER)


def test_the_embedded_pair_passes_every_gate_that_a_calibration_decides(demo: Probe) -> None:
    (result,) = demo(SENTENCES[0])
    assert result.verdict and result.verdict.evidence == "B"
    assert {result.verdict.gates[name] for name in ("blind", "placebo", "split")} == {"pass"}


def test_ids_and_options(demo: Probe) -> None:
    result = demo([Text(SENTENCES[0], "mine")], scores=["loss"])[0]
    assert result.id == "mine"
    assert result.scores["loss"].value is not None and result.scores["minkpp"].reason == "not requested"
    assert result.score and result.score.name == "combined"  # the verdict's own score is always computed
    with pytest.raises(UnknownName):
        demo("text", scores=["nonsense"])
    for alpha in (0.0, 0.7, float("nan")):
        with pytest.raises(InputError, match="alpha must lie between"):
            demo("text", alpha=alpha)
    assert demo([]) == []


def test_an_unclaimable_alpha_is_inconclusive_with_the_number_needed(demo: Probe) -> None:
    (result,) = demo(SENTENCES[0], alpha=0.0001)
    assert result.verdict and result.verdict.call is Call.INCONCLUSIVE
    assert result.verdict.gates["size"] == "fail" and "29,956" in result.verdict.reason


def test_token_limit(demo: Probe) -> None:
    prepared = demo.prepare([Text(SENTENCES[0]), Text("short enough")], Options(max_tokens=10))
    first, second = demo.judge(prepared, demo.measure([prepared])[0])
    assert first.error and "the limit is 10" in first.error
    assert second.error is None


def test_a_text_that_is_longer_than_its_tokens_could_be_is_not_tokenised(demo: Probe) -> None:
    """Millions of characters would take seconds, and gigabytes, only to be refused."""
    limit = Options(max_tokens=10)
    texts = [Text("1" * (10 * SPARSE + 1)), Text(" " * 10_000_000 + "short enough"), Text("1" * 10 * SPARSE)]
    first, second, third = demo.prepare(texts, limit).target
    assert isinstance(first, Unscored) and first.reason.startswith("it has 161 characters and the limit is 10 tokens")
    assert isinstance(second, Tokens) and isinstance(third, Unscored) and third.reason.startswith("it has 161 tokens")


def test_requests_measured_together_are_answered_apart(demo: Probe) -> None:
    wanted = [None, choose(["pac", "loss"]), choose(["loss"]), choose([*TABLE])]  # with copies and without
    texts = zip(SENTENCES, wanted, strict=True)
    requests = [demo.prepare([Text(text)], Options(scores=scores)) for text, scores in texts]
    found = zip(requests, demo.measure(requests), SENTENCES, wanted, strict=True)
    for request, evidence, text, scores in found:
        (together,), (alone,) = demo.judge(request, evidence), demo(text, scores=scores)
        for name in TABLE:
            assert together.scores[name].reason == alone.scores[name].reason
            if alone.scores[name].value is not None:
                assert together.scores[name].value == pytest.approx(alone.scores[name].value, abs=1e-4)
    assert requests[2].read == requests[2].tokens < requests[0].read
    assert requests[1].read > 5 * requests[1].tokens  # five copies; a request's limit counts them


def test_without_calibration_nothing_is_claimed() -> None:
    bare = open_probe(str(ASSETS / "target"), str(ASSETS / "reference"))
    (result,) = bare(SENTENCES[0])
    assert result.verdict and result.verdict.call is Call.INCONCLUSIVE and result.verdict.p_value is None
    assert "memprobe calibrate" in result.verdict.reason
    lone = open_probe(str(ASSETS / "target"))(SENTENCES[0])[0]
    assert lone.score and lone.score.name == "minkpp"
    assert lone.scores["ref"].reason == "no reference model is given"


def test_calibration_of_other_models_is_refused(make_model: Callable[[str], Path]) -> None:
    with pytest.raises(FingerprintMismatch, match=r"made for another target, .*memprobe calibrate"):
        open_probe(str(make_model("llama")), str(ASSETS / "reference"), "demo")


def test_calibration_decides_the_dtype(demo: Probe) -> None:
    with pytest.raises(FingerprintMismatch, match="made for another dtype, reference_dtype"):
        open_probe(dtype="bfloat16")


@pytest.mark.parametrize(("moved", "refused"), [(0.009, False), (-0.009, False), (0.012, True), (-0.012, True)])
def test_sentinels_are_scored_where_versions_differ(demo: Probe, moved: float, refused: bool) -> None:
    """In standard deviations of the known non-members: a raw score moves by .005 where trees are given other digits."""
    known = demo.calibration
    assert known and len(known.sentinels) == 32
    elsewhere = dataclasses.replace(known.fingerprint, versions={"torch": "0"})
    sentinel = known.sentinels[5]
    (evidence,) = demo.measure([demo.prepare([Text(sentinel.text)], Options())])[0]
    assert isinstance(evidence.target, TokenStats)
    place = len(evidence.target.logprob), difficulty_of(evidence)
    one = known.calibrated(1.0, *place)[0] - known.calibrated(0.0, *place)[0]  # of what the raw score counts
    low, high = np.quantile(known.nonmembers, (0.1587, 0.8413))  # a standard deviation either way
    raw = sentinel.value + moved * float(high - low) / 2 / one
    sentinels = (*known.sentinels[:5], Sentinel(sentinel.text, raw), *known.sentinels[6:])
    other = dataclasses.replace(known, fingerprint=elsewhere, sentinels=sentinels)
    if not refused:
        Probe(demo.target, demo.reference, other)
        return
    with pytest.raises(
        FingerprintMismatch, match=r"sentinel texts differently, by 0\.01\d+ where 0\.0\d+ may be rounding"
    ):
        Probe(demo.target, demo.reference, other)


def test_a_sentinel_that_cannot_be_scored_any_more_is_a_difference(demo: Probe) -> None:
    known = demo.calibration
    assert known
    elsewhere = dataclasses.replace(known.fingerprint, versions={"torch": "0"})
    lost = dataclasses.replace(known, fingerprint=elsewhere, sentinels=(Sentinel("", -20.0),))
    with pytest.raises(FingerprintMismatch, match="differently, by inf"):
        Probe(demo.target, demo.reference, lost)


@pytest.mark.parametrize("nonmembers", [np.zeros(50), np.zeros(1), np.array([-1e6, *np.linspace(-2, 2, 99)])])
def test_no_spread_and_no_outlier_hides_a_difference(demo: Probe, nonmembers: np.ndarray) -> None:  # type: ignore[type-arg]
    known = demo.calibration
    assert known
    elsewhere = dataclasses.replace(known.fingerprint, versions={"torch": "0"})
    moved = [Sentinel(one.text, one.value + 1) for one in known.sentinels]
    other = dataclasses.replace(known, fingerprint=elsewhere, sentinels=tuple(moved), nonmembers=nonmembers)
    with pytest.raises(FingerprintMismatch, match="sentinel texts differently"):
        Probe(demo.target, demo.reference, other)


def test_another_difficulty_is_a_difference(demo: Probe) -> None:
    """Verdicts rest on it, where the score itself does not."""
    known = demo.calibration
    assert known
    elsewhere = dataclasses.replace(known.fingerprint, versions={"torch": "0"})
    (measured,) = demo.measure([demo.prepare([Text(one.text) for one in known.sentinels], Options())])
    hard = [difficulty_of(evidence) for evidence in measured]
    for off in (0.0, 0.5):
        pairs = zip(known.sentinels, hard, strict=True)
        sentinels = tuple(dataclasses.replace(one, difficulty=found + off) for one, found in pairs)
        other = dataclasses.replace(known, fingerprint=elsewhere, sentinels=sentinels)
        with pytest.raises(FingerprintMismatch, match="sentinel texts") if off else nullcontext():
            Probe(demo.target, demo.reference, other)


def test_another_tokenizer_leaves_bits_per_byte(shared: Path) -> None:
    mixed = open_probe(str(shared / "models" / "stories260K"), str(ASSETS / "reference"))
    (result,) = mixed("Once upon a time there was a little girl who lived in a small house.")
    assert result.score and result.score.name == "ref_bytes"
    assert "another tokenizer" in str(result.scores["ref"].reason)


def test_white_space_around_a_text_is_not_part_of_it(demo: Probe) -> None:
    bare, framed = demo([SENTENCES[0], f"\n  {SENTENCES[0]} \n"])
    assert bare.scores == framed.scores and bare.verdict == framed.verdict
    assert bare.target and framed.target
    assert list(framed.target.tokens.start) == [start + 3 for start in bare.target.tokens.start]


@pytest.mark.parametrize("word", ["Python", "for", "response", "- -"])
def test_a_text_that_repeats_itself_is_never_a_member(demo: Probe, word: str) -> None:
    for times in (8, 11, 16, 25, 40, 50):
        (result,) = demo(" ".join([word] * times))
        assert result.verdict and result.verdict.call is Call.OUT_OF_DISTRIBUTION, times
