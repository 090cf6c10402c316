"""Sets judged from end to end on the embedded pair, and the rules of the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from probe import Call, Probe, Text
from probe.audit.metrics import Figure
from probe.collections.aggregate import Values, aggregate, choose_score
from probe.collections.collection import Measured, SetResult, judge_set, weigh
from probe.collections.decide import By, Options, decide
from probe.collections.documents import Document, group
from probe.collections.evalue import e_value
from probe.collections.inference import Inference
from probe.collections.sample_size import sizes
from probe.config import Settings
from probe.data.overlap import index
from probe.errors import InputError, UnknownName
from probe.models.base import NO_EXTRAS, Extras
from probe.models.local import LocalEngine
from probe.opening import open_engine
from probe.scores.features import NAMES
from probe.types import Tokens, TokenStats, Unscored
from tests.collections.conftest import Passages
from tests.tiny import ASSETS


def made(scores: np.ndarray, words: str = "alike") -> Values:
    """Documents with these scores; their words tell nothing, but for `words`."""
    texts = [Document(str(i), (Text(f"{words} {i % 7} {i % 11}"),)) for i in range(len(scores))]
    return Values(scores, np.tile(scores[:, None], (1, len(NAMES))), tuple(texts), Counter())


NOBODY = made(np.zeros(0))
DICE = np.random.default_rng(0)
NORMAL = np.array([NormalDist().inv_cdf((i + 0.5) / 40) for i in range(40)])
CONTROLS, HIGHER = DICE.normal(size=80), DICE.normal(1.5, size=80)


def test_members_are_found(demo: Probe, passages: Passages) -> None:
    mine, theirs, known = passages.members[:60], passages.nonmembers[:60], passages.members[60:100]
    found = judge_set(demo, mine, theirs, known)
    assert found.verdict.call is Call.MEMBER and found.verdict.evidence == "C", found.verdict.reason
    assert found.comparison.welch < 1e-12 and found.comparison.rank_sum < 1e-9 and found.comparison.mean <= 1e-4
    assert isinstance(found.inference, Inference) and found.inference.p_value < 1e-9
    assert isinstance(found.share, Figure) and found.share.low > 0.8
    assert found.e_value is not None and found.e_value > 100 and found.missing == (0, 0)


def test_nonmembers_are_not(demo: Probe, passages: Passages) -> None:
    found = judge_set(demo, passages.nonmembers[:60], passages.nonmembers[60:120], passages.members[:40])
    assert found.verdict.call is Call.INCONCLUSIVE
    assert found.comparison.mean > 0.01 and found.comparison.rank_sum > 0.01
    assert isinstance(found.inference, Inference) and found.inference.p_value > 0.01
    assert isinstance(found.share, Figure) and found.share.low == 0 and found.share.high < 0.3


def test_a_share_of_members_is_measured(demo: Probe, passages: Passages) -> None:
    mine = passages.members[:30] + passages.nonmembers[:90]
    found = judge_set(demo, mine, passages.nonmembers[90:210], passages.members[30:130], Options(random_split=True))
    assert found.verdict.call is Call.MEMBER and found.verdict.evidence == "B"
    assert isinstance(found.share, Figure) and found.share.low <= 0.25 <= found.share.high < 0.4


def test_a_placebo_must_not_find_it_too(demo: Probe, passages: Passages) -> None:
    mine, theirs = passages.members[:60], passages.nonmembers[:60]
    sibling = open_engine(str(ASSETS / "sibling"), Settings())
    found = judge_set(demo, mine, theirs, placebo=sibling)
    assert found.verdict.call is Call.MEMBER and found.verdict.gates["placebo"] == "pass"
    both = judge_set(demo, mine, theirs, placebo=demo.target)
    assert both.verdict.call is Call.INCONCLUSIVE and "by themselves" in both.verdict.reason


def test_the_document_is_the_unit(demo: Probe, passages: Passages) -> None:
    texts = [replace(text, source=f"book {i % 10}") for i, text in enumerate(passages.members[:40])]
    texts += [Text(" "), Text("", source="book 3")]
    score = choose_score(demo, group(texts))
    found = aggregate(demo, group(texts), score)
    assert len(found) == 10 and found.texts == 40 and sum(found.lost.values()) == 2
    single = aggregate(demo, group([replace(text, source=None) for text in texts[:40]]), score)
    assert found.scores[3] == pytest.approx(single.scores[3::10].mean(), abs=1e-4)


def test_scores_are_those_of_single_texts(demo: Probe, passages: Passages) -> None:
    """The calibration's own score is freed of length there too, any other stands as it is."""
    assert demo.calibration
    texts = passages.members[:5]
    results = demo(texts, scores=["loss"])
    mine, plain = (aggregate(demo, group(texts), name).scores for name in (demo.calibration.score, "loss"))
    assert mine.tolist() == pytest.approx([result.score and result.score.calibrated for result in results], abs=1e-3)
    assert plain.tolist() == pytest.approx([result.scores["loss"].value for result in results], abs=1e-4)


def test_texts_that_the_calibration_knows_are_left_out(demo: Probe, passages: Passages) -> None:
    assert demo.calibration
    known = replace(demo.calibration, shingles=index([text.text for text in passages.members[:3]]))
    found = aggregate(Probe(demo.target, demo.reference, known), group(passages.members[:4]), "loss")
    assert found.texts == 1 and found.documents[0].texts == (passages.members[3],)
    assert found.lost == {"they share a run of words with the calibration's own texts": 3}


class Longer(LocalEngine):
    """Cannot score what is short."""

    def score(self, texts: Sequence[Tokens], extras: Extras = NO_EXTRAS) -> list[TokenStats | Unscored]:
        found = zip(texts, super().score(texts, extras), strict=True)
        return [entry if len(tokens.ids) > 6 else Unscored("it is short") for tokens, entry in found]


def test_the_score_is_the_one_that_most_texts_rest_on(demo: Probe, passages: Passages) -> None:
    probe = Probe(demo.target, Longer.open(str(ASSETS / "reference")))
    short = [Text("a"), Text("b"), Text("c")]
    assert choose_score(probe, group([*short[:2], *passages.members[:3]])) == "ref"
    assert choose_score(probe, group([*short, *passages.members[:2]])) == "minkpp"


def test_without_a_calibration(demo: Probe, passages: Passages) -> None:
    plain = Probe(demo.target)
    found = judge_set(plain, passages.members[:30], passages.nonmembers[:30])
    assert found.score == "minkpp" and found.comparison.mean < 0.01
    assert found.verdict.call is Call.INCONCLUSIVE and "it takes 50 on each side" in found.verdict.reason
    named = judge_set(plain, passages.members[:30], passages.nonmembers[:30], options=Options(score="loss"))
    assert named.score == "loss"


def test_shifted_controls_allow_no_claim() -> None:
    found = weigh(Measured(made(HIGHER), made(CONTROLS, "other kind"), NOBODY), "loss", Options())
    assert found.comparison.mean < 1e-4 and found.verdict.gates["blind"] == "fail"
    assert found.verdict.call is Call.INCONCLUSIVE and "words alone tell" in found.verdict.reason
    assert found.verdict.evidence == "D"


def test_a_placebo_that_scores_nothing_allows_no_claim() -> None:
    measured = Measured(made(HIGHER), made(CONTROLS), NOBODY, NOBODY, NOBODY)
    with pytest.raises(InputError, match="0 suspect \\(under the placebo\\) documents"):
        weigh(measured, "loss", Options(random_split=True))
    few = replace(measured, placebo=made(CONTROLS[:5]), placebo_controls=made(CONTROLS[5:10]))
    found = weigh(few, "loss", Options(random_split=True, by="inference"))
    assert found.verdict.gates["placebo"] == "untestable" and found.verdict.call is Call.INCONCLUSIVE


def test_few_documents_allow_no_claim() -> None:
    few = weigh(Measured(made(HIGHER[:9]), made(CONTROLS), NOBODY), "loss", Options(random_split=True))
    assert few.verdict.call is Call.INCONCLUSIVE and "a claim takes 10 of each" in few.verdict.reason
    weak = weigh(Measured(made(NORMAL + 0.3), made(NORMAL), NOBODY), "loss", Options(random_split=True))
    missing = weak.missing
    assert missing is not None and missing[0] > 0 and f"takes {weak.sizes.needed:,} documents" in weak.verdict.reason
    with pytest.raises(InputError, match="1 suspect documents can be scored"):
        weigh(Measured(made(HIGHER[:1]), made(CONTROLS), NOBODY), "loss", Options())


@pytest.mark.parametrize("by", ["mean", "ranks", "inference"])
def test_a_claim_rests_on_the_test_that_was_chosen(by: By) -> None:
    options = Options(by=by, random_split=True)
    found = weigh(Measured(made(HIGHER), made(CONTROLS), NOBODY), "loss", options)
    p_values = {"mean": found.comparison.mean, "ranks": found.comparison.rank_sum}
    expected = p_values.get(by) or (isinstance(found.inference, Inference) and found.inference.p_value)
    assert found.verdict.call is Call.MEMBER and found.verdict.p_value == expected
    lower = weigh(Measured(made(CONTROLS - 1), made(CONTROLS[::-1]), NOBODY), "loss", options)
    assert lower.verdict.call is Call.INCONCLUSIVE


def test_the_size_is_that_of_the_test_which_decides() -> None:
    """As many documents as are said to be needed, at the median over draws, do for a claim in most draws."""
    dice = np.random.default_rng(3)

    def judged(count: int, options: Options) -> SetResult:
        return weigh(
            Measured(made(dice.normal(0.45, 1, count)), made(dice.normal(0, 1, count)), NOBODY), "loss", options
        )

    for options in (Options(by="inference", random_split=True), Options(random_split=True, earlier=2.0)):
        sizes = [size for one in range(9) if (size := judged(200, options).sizes.needed)]
        needed = int(np.median(sizes))
        claims = [judged(needed, options).verdict.call is Call.MEMBER for _ in range(20)]
        assert sum(claims) >= 12, (options, needed, sum(claims))


def test_nothing_is_needed_where_a_claim_is_made_and_something_where_none_is() -> None:
    dice = np.random.default_rng(5)
    for options in (
        Options(by="inference", random_split=True),
        Options(random_split=True, earlier=2.0),
        Options(random_split=True),
    ):
        for gap in (0.2, 0.35, 0.5):
            found = weigh(
                Measured(made(dice.normal(gap, 1, 65)), made(dice.normal(0, 1, 100)), NOBODY), "loss", options
            )
            if found.verdict.call is Call.INCONCLUSIVE:
                assert found.missing is None or found.missing[0] > 0, (options, gap, found.verdict.reason)


def test_a_p_value_of_just_the_level_is_enough() -> None:
    size, options = sizes(Figure(0.5, 0.2, 0.8), 0.01), Options(random_split=True)
    calls = [decide(p_value, 1.0, {"size": ("pass", "")}, size, options).call for p_value in (0.01, 0.0101)]
    assert calls == [Call.MEMBER, Call.INCONCLUSIVE]


def test_dataset_inference_brings_its_own_e_value() -> None:
    measured = Measured(made(HIGHER), made(CONTROLS), NOBODY)
    found = weigh(measured, "loss", Options(by="inference", random_split=True))
    assert isinstance(found.inference, Inference) and found.e_value == found.inference.e_value
    plain = weigh(measured, "loss", Options(random_split=True))
    assert plain.e_value == e_value(plain.comparison.mean) != found.e_value


def test_inference_that_is_missing_allows_no_claim() -> None:
    found = weigh(
        Measured(made(HIGHER[:15]), made(CONTROLS[:15]), NOBODY), "loss", Options(by="inference", random_split=True)
    )
    assert isinstance(found.inference, Unscored) and found.e_value is None and found.verdict.p_value is None
    assert found.verdict.call is Call.INCONCLUSIVE and found.inference.reason in found.verdict.reason


def test_after_earlier_batches_the_e_value_decides() -> None:
    def judged(earlier: float | None) -> SetResult:
        options = Options(random_split=True, earlier=earlier)
        return weigh(Measured(made(NORMAL + 0.4), made(NORMAL), NOBODY), "loss", options)

    alone = judged(None).e_value
    assert alone is not None and judged(10).e_value == 10 * alone
    assert [judged(earlier).verdict.call for earlier in (None, 90 / alone, 110 / alone)] == [
        Call.INCONCLUSIVE, Call.INCONCLUSIVE, Call.MEMBER,
    ]  # fmt: skip
    strong = weigh(Measured(made(HIGHER), made(CONTROLS), NOBODY), "loss", Options(random_split=True, earlier=0.1))
    assert strong.comparison.mean < 0.01 and strong.verdict.call is Call.INCONCLUSIVE


def test_controls_that_are_the_suspects_are_counted_and_refused(demo: Probe, passages: Passages) -> None:
    same = passages.members[:6]
    with pytest.raises(
        InputError, match=r"^6 controls share a run of words with a suspect.*leaves 0.*memprobe controls"
    ):
        judge_set(demo, same, same)
    with pytest.raises(InputError, match=r"^6 controls .*leaves 1 control"):
        judge_set(demo, same, [*same, passages.nonmembers[0]])
    with pytest.raises(
        InputError, match=r"0 suspect documents can be scored.*Note: 6 controls that share a run of words"
    ):
        judge_set(demo, same, [*same, Text(" "), Text("another \ud800")])


def test_wrong_options_are_named() -> None:
    every: list[dict[str, Any]] = [{"alpha": 0.7}, {"by": "luck"}, {"earlier": 0.0}, {"earlier": float("inf")}]
    for wrong in every:
        with pytest.raises(InputError):
            Options(**wrong)
    with pytest.raises(UnknownName):
        Options(score="nothing")
