"""The verdict: `member` for a model that read the canaries, `inconclusive` for one that did not, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from probe.canaries.draw import Canary
from probe.canaries.folder import Planting
from probe.canaries.judge import TrialOptions, judge_canaries
from probe.canaries.rank import Ranked
from probe.canaries.score import LIKELIHOOD, RATIO, likelihoods, ratios
from probe.canaries.verdict import decide, gates_of
from probe.errors import InputError
from probe.models.remote import RemoteEngine
from probe.types import Call, Tokens, Unscored
from tests.canaries.conftest import Read
from tests.models.test_remote import Server
from tests.serving import servers

ALL_WELL = gates_of(True, True, 0.5, 0.01)


def test_a_model_that_read_them(read: Read) -> None:
    seen: list[tuple[int, int]] = []
    committed = replace(read.planting, committed=True)
    page = [canary.planted for canary in read.planting.canaries[1:]]
    found = judge_canaries(
        read.target, read.reference, committed, published=page, progress=lambda *place: seen.append(place)
    )
    assert found.verdict.call is Call.MEMBER and found.verdict.evidence == "A" and found.score == RATIO
    assert found.verdict.p_value is not None and found.smallest <= found.verdict.p_value < 1e-6
    assert len(found.ranked) == 5 and all(one.size == 100 and one.rank <= 10 for one in found.ranked)
    assert found.left_out == (("canary-1", "it does not stand in what was published"),)
    assert set(found.verdict.gates.values()) == {"pass"} and not found.notes and found.needed is None
    assert seen[-1] == (1000, 1000) and found.fingerprint.reference == read.reference.identity.model


def test_models_that_did_not(read: Read) -> None:
    found = judge_canaries(read.reference, None, read.planting)
    assert found.verdict.p_value is not None
    assert found.verdict.call is Call.INCONCLUSIVE or found.verdict.p_value < 0.01
    assert found.score == LIKELIHOOD and found.control is None and len(found.notes) == 3
    assert "--commitment" in found.notes[0] and "--published" in found.notes[1] and "--reference" in found.notes[2]


def test_every_draw_of_a_model_that_did_not_gives_every_rank_once(read: Read) -> None:
    canary = read.planting.canaries[0]
    ranks = [
        judge_canaries(read.reference, None, Planting([replace(canary, drawn=drawn)], "", False), TrialOptions(0.02))
        for drawn in (0, 1)
    ]
    values = [one for one in likelihoods(read.reference, canary.texts, lambda _: None) if isinstance(one, float)]
    above = [sum(other >= value for other in values) for value in values]
    assert sorted(above) == list(range(1, 101)) and [found.ranked[0].rank for found in ranks] == above[:2]


def test_a_score_by_hand(read: Read) -> None:
    text = read.planting.canaries[0].planted
    (mine,), (other,) = (likelihoods(engine, [text], lambda _: None) for engine in (read.target, read.reference))
    (tokens,) = read.target.tokenize([text])
    assert isinstance(tokens, Tokens)
    (stats,) = read.target.score([tokens])
    assert not isinstance(stats, Unscored) and mine == pytest.approx(-stats.loss * len(stats.logprob), rel=1e-5)
    assert isinstance(mine, float) and isinstance(other, float) and mine > other
    assert ratios([mine, Unscored("a"), 1.0], [other, 2.0, Unscored("b")]) == [
        mine - other, Unscored("a"), Unscored("by the reference: b"),
    ]  # fmt: skip


def test_fewer_alternatives_take_less_time(read: Read) -> None:
    found = judge_canaries(read.target, None, read.planting, TrialOptions(alternatives=9))
    assert all(one.size == 10 for one in found.ranked) and found.verdict.call is Call.MEMBER
    few = judge_canaries(
        read.target, None, replace(read.planting, canaries=read.planting.canaries[:2]), TrialOptions(0.001, 9)
    )
    assert few.verdict.call is Call.INCONCLUSIVE and few.needed is not None and few.needed.canaries == 1
    assert "takes 1 canaries more, or 31 alternatives to each" in few.verdict.reason


def test_a_text_that_cannot_be_scored_costs_no_other(read: Read) -> None:
    good = read.planting.canaries[:4]
    broken = Canary("broken", ("", "A text.", "Another."), 0)
    lost = Canary("lost", (*good[0].texts[:50], "", " "), 3)
    alone = Canary("alone", ("A text.", ""), 0)
    found = judge_canaries(read.target, None, replace(read.planting, canaries=[broken, *good, lost, alone]))
    assert [one.id for one in found.ranked] == [*(canary.id for canary in good), "lost"]
    assert dict(found.left_out) == {
        "broken": "the text is empty", "alone": "none of its alternatives can be scored",
    }  # fmt: skip
    assert found.ranked[-1].size == 50 and found.ranked[-1].lost == 2 and found.verdict.call is Call.MEMBER
    assert any("2 alternatives could not be scored" in note for note in found.notes)
    with pytest.raises(InputError, match="No canary can be tested; broken: the text is empty"):
        judge_canaries(read.target, None, replace(read.planting, canaries=[broken]))
    with pytest.raises(InputError, match="canary-1: it does not stand in what was published"):
        judge_canaries(read.target, None, read.planting, published=["Something else."])


def test_a_reference_that_read_them_too(read: Read) -> None:
    found = judge_canaries(read.reference, read.target, read.planting)
    assert found.control is not None and found.control < 0.01 and found.verdict.gates["control"] == "fail"
    assert found.verdict.call is Call.INCONCLUSIVE


def ranked(ranks: Sequence[int], size: int = 100) -> list[Ranked]:
    return [Ranked(f"{place}", rank, size, -1.0) for place, rank in enumerate(ranks)]


def test_verdicts_on_ranks() -> None:
    assert decide(ranked([1]), 0.01, ALL_WELL).call is Call.MEMBER  # 1/100 is at most .01
    assert decide(ranked([1, 1], 10), 0.01, ALL_WELL).call is Call.MEMBER
    for ranks, words in (([2], "no sign that it has not"), ([40, 60], "0 of 2 canaries score above all")):
        found = decide(ranked(ranks), 0.01, ALL_WELL)
        assert found.call is Call.INCONCLUSIVE and words in found.reason and found.evidence == "A"
    refused = decide(ranked([1, 1]), 0.01, gates_of(True, True, 0.009, 0.01))
    assert refused.call is Call.INCONCLUSIVE and "the reference by itself" in refused.reason
    short = decide(ranked([1], 50), 0.01, ALL_WELL)
    assert short.call is Call.INCONCLUSIVE and "1 canaries more, or 99 alternatives to each" in short.reason


def test_fair_draws_are_called_member_in_alpha_of_cases() -> None:
    dice = np.random.default_rng(3)
    calls = [decide(ranked(dice.integers(1, 101, 5).tolist()), 0.05, ALL_WELL).call for _ in range(1000)]
    assert 25 <= calls.count(Call.MEMBER) <= 77  # outside has probability 2e-4
    assert Call.NOT_MEMBER not in calls


def test_what_is_asked_is_checked() -> None:
    with pytest.raises(InputError, match="alpha must lie"):
        TrialOptions(alpha=0.6)
    with pytest.raises(InputError, match="one alternative at least"):
        TrialOptions(alternatives=0)


def test_a_target_on_a_server(read: Read) -> None:
    with servers() as start:
        engine = RemoteEngine(start(Server(read.model, "prompt_logprobs").app).address)
        few = replace(read.planting, canaries=read.planting.canaries[:2])
        found = judge_canaries(engine, read.reference, few, TrialOptions(alternatives=19))
    assert found.verdict.call is Call.MEMBER and any("sent to a server" in note for note in found.notes)
