"""A small fleet from recipe to scores: what is trained, who saw what, and what the attacks say of it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from probe.audit.metrics import auc
from probe.config import Settings
from probe.errors import InputError, ModelError
from probe.models.local import LocalEngine
from probe.opening import open_setup
from probe.pipeline import Probe
from probe.shadow.examine import examine
from probe.shadow.fleet import train_fleet, train_one
from probe.shadow.folder import STUDY, place_of
from probe.shadow.plan import Plan
from probe.shadow.recipe import Recipe
from probe.shadow.study import read_study
from probe.shadow.universe import Universe
from probe.types import Result, Text
from tests.shadow.test_adapt import REFERENCE
from tests.shadow.test_universe import DISTINCT

RECIPE = Recipe(epochs=4, rate=1e-3, tokens=1024, muon=True)
SCORES = (
    "loss",
    "lira",
    "lira_offline",
    "lira_sequence",
    "bavaria",
    "bavaria_offline",
    "rmia",
    "shokri",
    "feature_attack",
)
GROUPS = {
    "members": [Text(text) for text in DISTINCT[:100]], "nonmembers": [Text(text) for text in DISTINCT[100:250]],
    "texts": [],
}  # fmt: skip
PLAN = Plan(REFERENCE, GROUPS, RECIPE, shadows=4, population=50)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Universe]:
    folder = tmp_path_factory.mktemp("fleet")
    seen: list[tuple[int, int, float]] = []
    found = train_fleet(PLAN, folder, lambda *step: seen.append(step))
    assert seen[-1][:2] == (4, 4) and seen[-1][2] == pytest.approx(1)
    done = examine(PLAN, found, folder)
    assert done and done.attacks and done.pooled.outs.sd > 0
    train_one(PLAN, [text.text for text in GROUPS["members"]], folder / "target")
    return folder, found


def probe(folder: Path) -> Probe:
    settings = Settings(shadows=folder, cache_bytes=0)
    return Probe.of(open_setup(str(folder / "target"), REFERENCE, dtype=None, settings=settings))


def values(results: list[Result], name: str) -> np.ndarray:
    return np.array([result.scores[name].value for result in results], dtype=float)


def test_every_model_saw_its_half_and_no_other(fleet: tuple[Path, Universe]) -> None:
    folder, found = fleet
    assert (found.member.count(True), found.member.count(False), len(found.population)) == (100, 100, 50)
    for number in range(4):
        model = Probe(LocalEngine.open(str(place_of(folder, number))))
        phi = values(model([text.text for text in found.texts], scores=["loss"]), "loss")
        inside = found.inside[number]
        assert auc(phi[inside], phi[~inside]).low > 0.6


def test_attacks_find_the_members_of_a_target_that_no_shadow_saw(fleet: tuple[Path, Universe]) -> None:
    folder, found = fleet
    results = probe(folder)([text.text for text in found.texts], scores=SCORES)
    member = np.array([one is True for one in found.member])
    areas = {name: auc(values(results, name)[member], values(results, name)[~member]).value for name in SCORES}
    for name in ("lira", "lira_offline", "bavaria", "bavaria_offline", "rmia", "feature_attack"):
        assert areas[name] > areas["loss"], areas
    assert min(areas.values()) > 0.65, areas  # two models on a side are few for each token, and Shokri's see no base
    assert areas["lira"] > 0.95 and results[0].score and results[0].score.name == "lira"


def test_a_text_that_no_shadow_saw_has_offline_scores_and_a_copy_of_one_has_none(fleet: tuple[Path, Universe]) -> None:
    folder, found = fleet
    fresh, copy = probe(folder)([DISTINCT[450], "It is said that " + found.texts[0].text], scores=SCORES)
    assert fresh.scores["lira"].value is None and "no shadow model was trained on it" in str(
        fresh.scores["lira"].reason
    )
    assert fresh.score and fresh.score.name == "bavaria_offline"
    assert all(fresh.scores[name].value is not None for name in ("lira_offline", "rmia", "shokri", "feature_attack"))
    assert all("shares a run of words" in str(copy.scores[name].reason) for name in ("lira", "lira_offline", "rmia"))


def test_a_target_of_another_tokenizer_has_none(fleet: tuple[Path, Universe], tmp_path: Path) -> None:
    folder, found = fleet
    other = tmp_path / "other"
    shutil.copytree(folder / "target", other)
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    words = tokenizer["model"]["vocab"]
    words["Ġthe"], words["Ġof"] = words["Ġof"], words["Ġthe"]
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    setup = open_setup(str(other), None, dtype=None, settings=Settings(shadows=folder, cache_bytes=0))
    (result,) = Probe.of(setup)(found.texts[0].text, scores=["lira"])
    assert "another tokenizer" in str(result.scores["lira"].reason)


def test_what_is_there_is_not_trained_again_and_another_plan_is_refused(fleet: tuple[Path, Universe]) -> None:
    folder, _ = fleet
    stamps = [(place_of(folder, number) / "model.safetensors").stat().st_mtime_ns for number in range(4)]
    train_fleet(PLAN, folder)
    assert stamps == [(place_of(folder, number) / "model.safetensors").stat().st_mtime_ns for number in range(4)]
    other = {**GROUPS, "members": [Text(f"{text.text} Or so.") for text in GROUPS["members"]]}
    with pytest.raises(InputError, match=r"a fleet with another choice of texts"):  # as many, and none of them the same
        train_fleet(replace(PLAN, groups=other), folder)
    with pytest.raises(InputError, match=r"a fleet with another recipe"):
        train_fleet(replace(PLAN, recipe=replace(RECIPE, epochs=5)), folder)


def test_a_fleet_that_is_not_whole_or_damaged_says_what_to_do(fleet: tuple[Path, Universe], tmp_path: Path) -> None:
    folder, _ = fleet
    copy = tmp_path / "fleet"
    shutil.copytree(folder, copy)
    (copy / STUDY).write_bytes(b"PK")
    with pytest.raises(ModelError, match="train the fleet again, models stay"):
        read_study(copy)
    shutil.rmtree(place_of(copy, 2))
    for place, words in ((copy, "lacks 1 of 4 shadow models"), (tmp_path, "holds no shadow models")):
        with pytest.raises(ModelError, match=words):
            open_setup(str(folder / "target"), None, dtype=None, settings=Settings(shadows=place, cache_bytes=0))


def test_what_was_studied_comes_back(fleet: tuple[Path, Universe]) -> None:
    folder, found = fleet
    one, other = read_study(folder), examine(PLAN, found, folder)
    assert other and one.pooled.ins == other.pooled.ins and one.pooled.outs == other.pooled.outs
    assert (one.pooled.token_sd == other.pooled.token_sd).all() and (one.usual == other.usual).all()
    assert one.attacks and other.attacks
    row = np.zeros(len(one.attacks.features.names))
    assert one.attacks.features(row) == other.attacks.features(row)
