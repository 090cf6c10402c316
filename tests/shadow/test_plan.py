"""A recipe file is read whole or refused with a word on what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from probe.errors import InputError
from probe.shadow.recipe import Recipe, write_recipe
from probe.shadow.recipe_file import read_plan


def recipe(folder: Path, text: str) -> Path:
    (folder / "known.jsonl").write_text(
        "".join(json.dumps({"id": f"r{i}", "text": f"text {i}"}) + "\n" for i in range(3))
    )
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


def test_paths_are_seen_from_the_file_and_what_is_not_named_has_a_default(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    training = "[training]\nepochs = 2\nrate = 1\nmuon = false\n"
    plan = read_plan(recipe(tmp_path, f'base = "base"\ntexts = ["known.jsonl"]\nshadows = 8\nseed = 3\n{training}'))
    assert plan.base == str(tmp_path / "base") and (plan.shadows, plan.seed, plan.population) == (8, 3, 0)
    assert plan.recipe == Recipe(epochs=2, rate=1, tokens=2048, muon=False)
    assert [text.id for text in plan.groups["texts"]] == ["r0", "r1", "r2"] and not plan.groups["members"]


def test_a_quarter_of_the_nonmembers_is_set_aside(tmp_path: Path) -> None:
    assert read_plan(recipe(tmp_path, 'base = "b"\nnonmembers = ["known.jsonl", "known.jsonl"]')).population == 1
    assert read_plan(recipe(tmp_path, 'base = "b"\nnonmembers = ["known.jsonl"]\npopulation = 3')).population == 3


def test_the_targets_own_recipe_is_the_default(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    write_recipe(tmp_path / "target", "some/base", Recipe(epochs=7, rate=1e-4, tokens=512, lora=4, seed=9))
    plan = read_plan(recipe(tmp_path, 'target = "target"\ntexts = ["known.jsonl"]\n[training]\ntokens = 256\n'))
    assert plan.base == "some/base" and plan.recipe == Recipe(epochs=7, rate=1e-4, tokens=256, lora=4)


def test_a_defence_is_the_training_with_what_it_changes(tmp_path: Path) -> None:
    head = 'base = "b"\ntexts = ["known.jsonl"]\nspare = ["known.jsonl"]\n[training]\nepochs = 2\n'
    plan = read_plan(recipe(tmp_path, f'{head}[defences."a b"]\ndistil = true\n'))
    assert plan.defences == {"a b": replace(plan.recipe, distil=True)} and plan.recipe.epochs == 2
    assert len(plan.groups["spare"]) == 3


def test_a_row_without_a_text_is_left_out_by_name(tmp_path: Path) -> None:
    path = recipe(tmp_path, 'base = "b"\ntexts = ["known.jsonl", "mixed.jsonl"]')
    (tmp_path / "mixed.jsonl").write_text('{"text": "one"}\n{"text": 3}\nnot JSON\n{"text": "two"}\n')
    plan = read_plan(path)
    assert [text.text for text in plan.groups["texts"]][3:] == ["one", "two"]
    assert [line.partition(":")[0] for line in plan.unread] == ["mixed.jsonl, row 2", "mixed.jsonl, row 3"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("base = ", "cannot be read as a recipe"),
        ('base = "b"\ntxts = ["known.jsonl"]', "unknown txts; there are base"),
        ('base = "b"\ntexts = "known.jsonl"', "texts is to be of type list"),
        ('base = "b"\ntexts = [3]', "texts is a list of files"),
        ('base = "b"', "name files of texts"),
        ('texts = ["known.jsonl"]', "name base"),
        ('base = "b"\ntexts = ["absent.jsonl"]', "absent.jsonl"),
        ('base = "b"\ntexts = ["known.jsonl"]\nshadows = 5', "even number of at least 4"),
        ('base = "b"\ntexts = ["known.jsonl"]\nshadows = true', "shadows is to be of type int"),
        ('base = "b"\ntexts = ["known.jsonl"]\n[training]\nepoch = 3', "[training]: unknown epoch"),
        ('base = "b"\ntexts = ["known.jsonl"]\n[training]\nepochs = 0', "epochs, rate and tokens are above 0"),
        ('base = "b"\ntexts = ["known.jsonl"]\n[training]\ndropout = 1.5', "[training]: dropout is a share"),
        ('base = "b"\ntexts = ["known.jsonl"]\n[defences.x]\nepsilon = -1', "[defences.x]: epsilon is not below 0"),
        ('base = "b"\ntexts = ["known.jsonl"]\n[defences]\nx = 1', "[defences]: x is to be of type dict"),
        ('base = "b"\ntexts = ["known.jsonl"]\n[defences.x]\nepsilom = 1', "[defences.x]: unknown epsilom"),
        ('base = "b"\nspare = ["known.jsonl"]', "name files of texts"),
        ('base = "b"\ntexts = ["known.jsonl"]\ntext_column = "body"', "No row of known.jsonl can be read"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError) as raised:
        read_plan(recipe(tmp_path, text))
    assert said in str(raised.value)
