"""Defences held against none: what is trained, dealt and measured, and that each figure means what it says."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from probe.audit.defences.arms import GROUPED, NONE, Arm, arms, by_epochs, usual
from probe.audit.defences.deal import canaries, deal, planted
from probe.audit.defences.exposure import rank
from probe.audit.defences.files import write
from probe.audit.defences.grouped import grouped
from probe.audit.defences.judge import ATTACK, Outcome
from probe.audit.defences.run import compare, slug
from probe.audit.metrics import Figure, auc
from probe.audit.privacy import allowed
from probe.demo.locate import find, marks
from probe.errors import InputError
from probe.models.local import LocalEngine
from probe.shadow.fleet import Progress
from probe.shadow.plan import Plan
from probe.shadow.recipe import Recipe
from probe.shadow.universe import universe
from probe.types import Text, Tokens, TokenStats
from tests.shadow.test_adapt import REFERENCE

RECIPE = Recipe(epochs=3, rate=1e-3, tokens=1024, muon=True)
GIVEN = random.Random(0).sample(sorted(find(mark for mark in marks() if mark.role != "planted").values()), 380)
SECRETS = canaries(20, 31)
PLAN = Plan(REFERENCE, {"texts": [Text(text) for text in GIVEN]}, RECIPE, shadows=4)


@contextmanager
def no_bar(name: str) -> Iterator[Progress]:
    yield lambda done, total, share: None


def area(outcome: Outcome, attack: str = ATTACK) -> Figure:
    found = outcome.figures[attack].auc
    assert isinstance(found, Figure)
    return found


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Outcome]]:
    """No defence, aggregates, and a training whose epsilon lets nothing through."""
    folder = tmp_path_factory.mktemp("defences")
    plan = replace(PLAN, defences={"private": replace(RECIPE, epochs=1, epsilon=0.5, muon=False)})
    found = list(compare(plan, folder / "fleets", arms(plan), no_bar, told=True, secrets=SECRETS))
    write(found, plan, folder)
    return folder, found


def test_without_a_defence_the_attack_finds_and_with_one_it_does_not(outcomes: tuple[Path, list[Outcome]]) -> None:
    none, told, private = outcomes[1]
    assert [one.arm for one in (none, told, private)] == [NONE, GROUPED, "private"]
    areas = [area(one) for one in (none, told, private)]
    assert areas[0].low > 0.5 and areas[1].low < 0.5 < areas[1].high and areas[2].low < 0.5 < areas[2].high
    assert none.shown and private.shown and none.shown.one_run > 1 and private.shown.one_run <= 0.5
    assert told.shown is None  # guesses of one cohort share its noise
    assert none.promise is None and private.promise == (0.5, 1e-5)
    assert none.fitted < none.perplexity and none.fitted < private.fitted
    assert told.exposure is None and none.exposure is not None
    ins, outs = none.exposure
    assert ins.canaries + outs.canaries == 20 and ins.most == 5 and outs.low < 1.44 + 0.6


def test_the_report_needs_nothing_else_and_holds_no_text(outcomes: tuple[Path, list[Outcome]]) -> None:
    folder, found = outcomes
    page, kept = (folder / "report.html").read_text(), json.loads((folder / "defences.json").read_text())
    assert "<script" not in page and "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
    assert [one["defence"] for one in kept["arms"]] == [one.arm for one in found]
    assert kept["arms"][2]["recipe"]["epsilon"] == 0.5 and "epsilon 0.5" in page and "not by this bound" in page
    assert kept["arms"][2]["terms"]["noise"] > 0 and "times the clip in" in page and not kept["arms"][0]["terms"]
    assert kept["arms"][2]["promise"] == {"epsilon": 0.5, "delta": 1e-5} and kept["arms"][1]["exposure"] is None
    assert not any(text[:40] in page + json.dumps(kept) for text in GIVEN)
    assert (folder / "roc.svg").is_file() and (folder / "cost.png").is_file()


def test_what_is_trained_already_is_not_trained_again(outcomes: tuple[Path, list[Outcome]]) -> None:
    folder, found = outcomes
    stamps = {path: path.stat().st_mtime_ns for path in folder.glob("fleets/*/models/*/model.safetensors")}
    again = list(compare(PLAN, folder / "fleets", arms(PLAN, [GROUPED]), no_bar, told=True, secrets=SECRETS))
    assert len(again) == 2 and again[0].figures[ATTACK].auc == found[0].figures[ATTACK].auc
    assert len(stamps) == 10 and all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())


def test_all_arms_share_texts_and_membership_and_no_text_has_two_uses() -> None:
    secrets = canaries()
    dealt = deal(PLAN, secrets)
    found, other = universe(dealt), universe(replace(dealt, recipe=replace(RECIPE, epsilon=8.0)))
    assert np.array_equal(found.inside, other.inside) and found.texts == other.texts
    groups = [{text.text for text in group} for group in (found.texts, found.population, found.spare)]
    assert all(groups) and not groups[0] & groups[1] and not groups[0] & groups[2] and not groups[1] & groups[2]
    assert sum(map(planted, found.texts)) == len(secrets) == 64  # none is taken for a copy of another
    assert len(found.inside) == 5 and 0.3 < found.inside[-1].mean() < 0.7
    with pytest.raises(InputError, match="at least 200"):
        deal(replace(PLAN, groups={"texts": [Text(text) for text in GIVEN[:150]]}), secrets)


def test_defences_are_those_of_the_recipe_or_the_usual_ones() -> None:
    assert [arm.name for arm in arms(PLAN)] == [NONE, *usual(RECIPE, 1e6)]
    batches = [usual(RECIPE, tokens)["DP-SGD, epsilon 8"].tokens for tokens in (1e6, 6000)]
    assert batches == [4096, 1000]
    own = replace(PLAN, defences={"drop": replace(RECIPE, dropout=0.3)})
    assert [arm.name for arm in arms(own)] == [NONE, "drop"]
    assert [arm.name for arm in arms(PLAN, ["LoRA"])] == [NONE, "LoRA"]
    with pytest.raises(InputError, match="No defence is named x; there are no defence, DP-SGD"):
        arms(PLAN, ["x"])
    for name in (NONE, GROUPED):
        with pytest.raises(InputError, match="no name for a defence"):
            arms(replace(PLAN, defences={name: RECIPE}))
    slugs = {slug(Arm(name, RECIPE)) for name in ("dropout .3", "dropout 3", "\u6c49", "\u5b57")}
    assert len(slugs) == 4 and all(re.fullmatch(r"[a-z0-9-]+", one) for one in slugs)
    assert all(recipe.wrong is None for recipe in usual(RECIPE, 1e6).values())
    assert {arm.promise for arm in arms(PLAN) if arm.promise} == {(8.0, 1e-5), (2.0, 1e-5)}


def test_the_exposure_of_a_canary_is_its_rank_in_bits() -> None:
    engine, (one, *_) = LocalEngine.open(REFERENCE), canaries(1)
    texts = (one.planted, *one.fillers)
    entries = {
        text: entry for text, entry in zip(texts, engine.tokenize(texts), strict=True) if isinstance(entry, Tokens)
    }
    alike = [text for text in texts if len(entries[text].ids) == len(entries[one.planted].ids)]
    assert 10 < len(alike) <= len(texts)  # a longer secret is less likely for its length alone
    stats = engine.score([entries[text] for text in alike])
    totals = [float(each.logprob.sum()) for each in stats if isinstance(each, TokenStats)]
    assert len(totals) == len(alike)
    expected = math.log2(len(alike)) - math.log2(1 + sum(total >= totals[0] for total in totals[1:]))
    assert rank(engine, one) == pytest.approx(expected)
    best = alike[int(np.argmax(totals))]
    rest = tuple(text for text in texts if text != best)
    assert rank(engine, replace(one, planted=best, fillers=rest)) == pytest.approx(math.log2(len(alike)))


def test_success_grows_with_over_fitting(outcomes: tuple[Path, list[Outcome]], tmp_path: Path) -> None:
    chosen = by_epochs(RECIPE, [3, 1, 3])
    assert [arm.name for arm in chosen] == ["1 epoch", "3 epochs"] and chosen[1].recipe == RECIPE
    few, many = found = [*compare(PLAN, tmp_path / "fleets", chosen[:1], no_bar, secrets=SECRETS), outcomes[1][0]]
    assert area(few, "loss").value < area(many, "loss").value
    names = {path.name for path in write(found, PLAN, tmp_path / "report", "overfitting")}
    assert {"overfitting.json", "overfitting.svg", "report.html", "roc.png"} <= names
    page = (tmp_path / "report" / "report.html").read_text()
    assert "over-fitting" in page and page.count("<figure>") == 2
    with pytest.raises(InputError, match="epochs of 1"):
        by_epochs(RECIPE, [])


@pytest.mark.parametrize(("epsilon", "told"), [(1.0, False), (1e6, True)])
def test_a_noised_sum_hides_what_its_noise_covers(epsilon: float, told: bool) -> None:
    dice = np.random.default_rng(0)
    member = dice.random(2000) < 0.5
    ins, outs = (np.full(2000, 2.0), np.full(2000, 0.01)), (np.full(2000, 3.0), np.full(2000, 0.01))
    loss = np.where(member, 2.0, 3.0) + dice.normal(0, 0.01, 2000)
    scores = grouped(loss, member, ins, outs, 50, epsilon)
    found = auc(scores[member], scores[~member])
    assert found.low > 0.99 if told else found.low < 0.5 + 0.05
    if not told:  # the report's own promise
        fpr = np.array([0.01, 0.1])
        thresholds = np.quantile(scores[~member], 1 - fpr)
        tpr = (scores[member][:, None] > thresholds).mean(0)
        assert (tpr <= allowed(fpr, epsilon, 0.0) + 0.02).all()
