"""What a recipe does against remembering: each does what its name says, and resumes to the same weights."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from probe.errors import InputError
from probe.models.load import find, load
from probe.shadow.dice import dice
from probe.shadow.dropout import drop
from probe.shadow.fleet import train_one
from probe.shadow.lessons import by_row, by_teacher, by_token
from probe.shadow.make import make
from probe.shadow.plan import Plan
from probe.shadow.private import Guard, draws, noise, share, steps
from probe.shadow.recipe import Recipe, read_recipe
from probe.shadow.rows import rows_of
from probe.shadow.train import evaluate, train
from tests.shadow.test_adapt import CHRONICLES, REFERENCE
from tests.shadow.test_train import Killed
from tests.tiny import save

TEXTS, SPARE = CHRONICLES[:40], CHRONICLES[40:70]
PRIVATE = Recipe(epochs=2, rate=1e-3, tokens=512, epsilon=8)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("shape", ["llama", "gpt2"])
def test_a_private_step_is_the_mean_of_cut_gradients(tmp_path: Path, shape: str) -> None:
    source = find(str(save(shape, tmp_path / shape)))
    model, rows = load(source), rows_of(source, TEXTS[:6], cut=True)
    for part in model.modules():
        if isinstance(part, torch.nn.Dropout):  # GPT-2's own
            part.p = 0.0
    recipe = Recipe(epochs=1, rate=0.1, tokens=sum(map(len, rows)), epsilon=50, clip=0.05)
    asked = [one for one in model.parameters() if one.requires_grad]
    expected = [torch.zeros_like(one) for one in asked]
    for row in rows:
        gradients = torch.autograd.grad(by_row(model, [row]), asked)
        norm = torch.sqrt(sum((one**2).sum() for one in gradients))
        assert norm > recipe.clip  # else the test shows nothing
        for total, one in zip(expected, gradients, strict=True):
            total.add_(one, alpha=min(1.0, recipe.clip / (norm.item() + 1e-6)) / len(rows))
    before = [one.detach().clone() for one in asked]
    guard = Guard(model.train(), torch.optim.SGD(asked, lr=1.0), rows, recipe)
    guard._optimiser.noise_multiplier, guard._most = 0.0, 4  # in two parts
    guard.learn(by_row, model, rows)
    guard.release()
    for was, one, step in zip(before, asked, expected, strict=True):
        torch.testing.assert_close(was - one.detach(), step, atol=1e-6, rtol=1e-4)


def test_the_noise_is_that_of_the_accountant_and_is_added_where_nobody_was_drawn(tmp_path: Path) -> None:
    source = find(REFERENCE)
    model, rows = load(source).train(), rows_of(source, TEXTS, cut=True)
    asked = list(model.parameters())
    before = torch.cat([one.detach().flatten().clone() for one in asked])
    guard = Guard(model, torch.optim.SGD(asked, lr=1.0), rows, PRIVATE)
    guard.learn(by_row, model, [])
    guard.release()
    step = torch.cat([one.detach().flatten() for one in asked]) - before
    batch = round(share(rows, PRIVATE) * len(rows))
    assert float(step.std()) == pytest.approx(noise(rows, PRIVATE) * PRIVATE.clip / batch, rel=0.01)


def test_noise_tells_nothing_of_whom_the_batches_took() -> None:
    """Torch's generators of one seed give the same stream, whatever asks them."""
    order, noise, again = (dice(7, use) for use in ("order", "noise", "order"))
    first, other, same = (torch.rand(1000, generator=one) for one in (order, noise, again))
    assert torch.equal(first, same) and abs(float(torch.corrcoef(torch.stack([first, other]))[0, 1])) < 0.1
    model = load(find(REFERENCE))
    guard = Guard(model.train(), torch.optim.SGD(model.parameters(), lr=1.0), rows_of(find(REFERENCE), TEXTS), PRIVATE)
    guard.release()
    assert torch.equal(guard.noise.get_state(), dice(PRIVATE.seed, "noise").get_state())
    assert guard._optimiser.generator is guard.noise


def test_a_private_target_has_a_seed_that_nobody_knows(tmp_path: Path) -> None:
    plan = Plan(REFERENCE, {"members": []}, Recipe(epochs=1, rate=1e-3, tokens=2048, epsilon=8))
    made = []
    for number in range(2):
        train_one(plan, TEXTS, tmp_path / str(number))
        made.append(load_file(tmp_path / str(number) / "model.safetensors")["model.norm.weight"])
        assert not (tmp_path / f"{number}.seed").exists()
        private = read_recipe(str(tmp_path / str(number)))["private"]
        assert private["noise"] > 0 and private["steps"] == round(1 / private["share"]) and "seed" not in private
    assert not torch.equal(*made)


def test_less_epsilon_and_more_steps_take_more_noise() -> None:
    rows = [[0] * 32] * 1000
    recipe = Recipe(epochs=4, rate=1e-3, tokens=2048, epsilon=8)
    assert (share(rows, recipe), steps(rows, recipe)) == (0.064, 16)
    found = noise(rows, recipe)
    # 64 steps at a share of .064: .70 by TensorFlow Privacy's RDP, of which the exact accountant needs a little less
    assert 0.6 < found < 0.72
    assert noise(rows, Recipe(epochs=4, rate=1e-3, tokens=2048, epsilon=2)) > 1.3 * found
    assert noise(rows, Recipe(epochs=16, rate=1e-3, tokens=2048, epsilon=8)) > 1.1 * found


def test_batches_are_poisson_draws() -> None:
    rows = [[number] * 8 for number in range(400)]
    recipe = Recipe(epochs=1, rate=1e-3, tokens=320, epsilon=8)
    batches = draws(rows, recipe, torch.Generator().manual_seed(0)) + draws(
        rows, recipe, torch.Generator().manual_seed(1)
    )
    sizes = np.array(list(map(len, batches)))
    assert len(batches) == 20 and 35 < sizes.mean() < 45 and 3 < sizes.std() < 10
    assert all(len({row[0] for row in batch}) == len(batch) for batch in batches)  # nobody twice in a batch


@pytest.mark.parametrize("fields", [{"epsilon": 8.0}, {"dropout": 0.3}, {"epsilon": 8.0, "lora": 2}])
def test_it_resumes_to_the_same_weights(tmp_path: Path, fields: dict[str, Any]) -> None:
    recipe = Recipe(epochs=2, rate=1e-3, tokens=512, **fields)
    make(REFERENCE, TEXTS, recipe, tmp_path / "whole")
    told = 0

    def kill(label: str, share: float, loss: float) -> None:
        nonlocal told
        told += 1
        if told > 5:
            raise Killed

    with pytest.raises(Killed):
        make(REFERENCE, TEXTS, recipe, tmp_path / "again", progress=kill, every=0)
    make(REFERENCE, TEXTS, recipe, tmp_path / "again")
    whole, again = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "again"))
    assert all(torch.equal(values, again[name]) for name, values in whole.items())
    assert any(
        not torch.equal(values, load_file(Path(REFERENCE) / "model.safetensors")[name].float())
        for name, values in whole.items()
    )


@pytest.mark.parametrize("shape", ["llama", "gpt2", "neox"])
def test_dropout_drops_in_training_alone(tmp_path: Path, shape: str) -> None:
    source = find(str(save(shape, tmp_path / shape)))
    model, rows = load(source), rows_of(source, TEXTS[:4])
    untouched = copy.deepcopy(model).train(False)
    model.config.use_cache = False
    drop(model, 0.5)
    assert by_token(model.train(False), rows).item() == pytest.approx(by_token(untouched, rows).item())
    model.train()
    assert by_token(model, rows).item() != pytest.approx(by_token(model, rows).item(), rel=1e-6)


def test_early_stopping_keeps_what_reads_spare_texts_best() -> None:
    source = find(REFERENCE)
    model, rows, spare = load(source), rows_of(source, TEXTS), rows_of(source, SPARE)
    recipe = Recipe(epochs=10, rate=3e-3, tokens=512, muon=True)
    kept, last = train(model, rows, recipe, spare), train(model, rows, recipe)
    assert evaluate(kept, spare) < evaluate(last, spare) and evaluate(kept, rows) > evaluate(last, rows)


def test_a_student_reads_spare_texts_only_and_learns_what_its_teacher_says(tmp_path: Path) -> None:
    recipe = Recipe(epochs=4, rate=1e-3, tokens=512, muon=True, distil=True)
    shares: list[float] = []
    make(
        REFERENCE, TEXTS, recipe, tmp_path / "student", spare=SPARE, progress=lambda _, share, __: shares.append(share)
    )
    assert sorted(shares) == shares and shares[-1] == 1 and not (tmp_path / "student.teacher").exists()
    make(REFERENCE, TEXTS, Recipe(epochs=4, rate=1e-3, tokens=512, muon=True), tmp_path / "teacher")
    teacher, student, base = (
        load(find(str(place))) for place in (tmp_path / "teacher", tmp_path / "student", REFERENCE)
    )
    source = find(REFERENCE)
    lesson, rows, spare = by_teacher(teacher), rows_of(source, TEXTS), rows_of(source, SPARE)
    assert lesson(student, spare).item() < lesson(base, spare).item()
    assert evaluate(teacher, rows) < evaluate(student, rows) < evaluate(base, rows)


def test_a_teacher_that_expects_one_token_teaches_as_the_row_does() -> None:
    class Sure(torch.nn.Module):
        def forward(self, input_ids: torch.Tensor, use_cache: bool) -> Any:
            logits = torch.full((*input_ids.shape, len(source.tokenizer.vocabulary)), -1e4)
            logits[:, :-1].scatter_(2, input_ids[:, 1:, None], 1e4)
            return type("Out", (), {"logits": logits})

    source = find(REFERENCE)
    model, rows = load(source), rows_of(source, TEXTS[:5])
    assert by_teacher(Sure())(model, rows).item() == pytest.approx(by_token(model, rows).item(), rel=1e-5)


def test_what_spares_says_that_it_takes_spare_texts(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="take spare texts"):
        make(REFERENCE, TEXTS, Recipe(epochs=1, rate=1e-3, tokens=512, distil=True), tmp_path / "x")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"dropout": 1.0}, "share from 0"),
        ({"epsilon": -1.0}, "not below 0"),
        ({"delta": 0.0}, "delta"),
        ({"decay": -1.0}, "decay"),
    ],
)
def test_figures_that_make_no_sense_are_named(fields: dict[str, Any], said: str) -> None:
    assert said in str(Recipe(epochs=1, rate=1e-3, tokens=512, **fields).wrong)
