"""Training that is interrupted goes on to the very same weights; adapters are merged; other trainings are refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from probe.errors import ModelError
from probe.models.load import find, load
from probe.shadow.folder import base_of
from probe.shadow.make import begun, make
from probe.shadow.recipe import KEPT, Recipe
from probe.shadow.rows import rows_of
from probe.shadow.train import train
from tests.shadow.test_adapt import CHRONICLES, REFERENCE

RECIPE = Recipe(epochs=2, rate=1e-3, tokens=512, muon=True, seed=3)
TEXTS = CHRONICLES[:40]


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("at", [1, 7, 12])
def test_a_training_that_was_killed_ends_with_the_same_weights(tmp_path: Path, at: int) -> None:
    source = find(REFERENCE)
    model, rows, held_out = load(source), rows_of(source, TEXTS), rows_of(source, CHRONICLES[50:60])
    whole = train(model, rows, RECIPE, held_out)
    steps = 0

    def kill(label: str, share: float, loss: float) -> None:
        nonlocal steps
        steps += label.startswith("epoch")
        if steps > at:
            raise Killed

    with pytest.raises(Killed):
        train(model, rows, RECIPE, held_out, kill, tmp_path / "checkpoint.pt", every=0)
    seen: list[float] = []
    again = train(model, rows, RECIPE, held_out, lambda _, share, __: seen.append(share), tmp_path / "checkpoint.pt")
    assert len(seen) > 0 and seen[0] > at / 20  # it did not begin anew
    for name, values in whole.state_dict().items():
        assert torch.equal(values, again.state_dict()[name]), name


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    source, path = find(REFERENCE), tmp_path / "checkpoint.pt"
    model, rows = load(source), rows_of(source, TEXTS[:10])
    train(model, rows, RECIPE, checkpoint=path, every=0)
    with pytest.raises(ModelError, match=r"other texts or another recipe.*delete it"):
        train(model, rows[:9], RECIPE, checkpoint=path)
    with pytest.raises(ModelError, match="other texts or another recipe"):
        train(model, rows, RECIPE, checkpoint=path, start="another base")
    path.write_bytes(b"no checkpoint")
    with pytest.raises(ModelError, match="no checkpoint of this training"):
        train(model, rows, RECIPE, checkpoint=path)


def test_a_made_model_keeps_its_recipe_and_nothing_else(tmp_path: Path) -> None:
    make(REFERENCE, TEXTS, RECIPE, tmp_path / "model", every=0)
    made = {path.name for path in (tmp_path / "model").iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json", KEPT} <= made and "checkpoint.pt" not in made
    kept = json.loads((tmp_path / "model" / KEPT).read_text())
    assert kept["base"] == REFERENCE and kept["training"]["epochs"] == 2 and "seed" not in kept["training"]
    assert not list(tmp_path.glob("*.part"))
    stamp = (tmp_path / "model" / "model.safetensors").stat().st_mtime_ns
    make(REFERENCE, TEXTS, RECIPE, tmp_path / "model")
    assert (tmp_path / "model" / "model.safetensors").stat().st_mtime_ns == stamp


def test_adapters_are_trained_alone_and_merged(tmp_path: Path) -> None:
    recipe = Recipe(epochs=1, rate=3e-3, tokens=512, lora=2)
    make(REFERENCE, TEXTS, recipe, tmp_path / "lora")
    before, after = (load_file(Path(place) / "model.safetensors") for place in (REFERENCE, tmp_path / "lora"))
    assert before.keys() == after.keys()
    changed = {name for name, values in before.items() if not torch.allclose(values.float(), after[name])}
    assert any("q_proj" in name for name in changed) and not any("norm" in name or "embed" in name for name in changed)
    name = next(name for name in changed if "q_proj" in name)
    difference = (after[name] - before[name].float()).numpy()
    assert np.linalg.matrix_rank(difference, tol=1e-4 * np.abs(difference).max() * len(difference)) <= 2


def test_a_configuration_alone_begins_with_random_weights_by_the_seed(tmp_path: Path) -> None:
    blank = tmp_path / "blank"
    blank.mkdir()
    for path in Path(REFERENCE).iterdir():
        if path.suffix != ".safetensors":
            (blank / path.name).write_bytes(path.read_bytes())
    assert begun(REFERENCE, tmp_path / "x", 0) == REFERENCE
    made = [begun(str(blank), tmp_path / f"base-{n}", seed) for n, seed in enumerate((0, 0, 1))]
    first, same, other = (load_file(Path(place) / "model.safetensors")["model.norm.weight"] for place in made)
    assert torch.equal(first, same) and torch.equal(first, other)  # norms begin at one
    first, same, other = (load_file(Path(place) / "model.safetensors") for place in made)
    name = next(name for name in first if "q_proj" in name)
    assert torch.equal(first[name], same[name]) and not torch.equal(first[name], other[name])


def test_a_fleets_reference_is_what_its_models_began_with(tmp_path: Path) -> None:
    assert base_of(tmp_path, "org/base") == "org/base"
    make(REFERENCE, TEXTS[:5], Recipe(epochs=1, rate=1e-3, tokens=512), tmp_path / "base")
    assert base_of(tmp_path, "only/a/configuration") == str(tmp_path / "base")
