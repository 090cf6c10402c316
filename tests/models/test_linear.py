"""Linear layers as whole numbers against float64, and torch's own where they do not apply."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import Linear
from transformers.pytorch_utils import Conv1D

from probe.data.windows import Window
from probe.models import linear
from probe.models.layers import fuse_layers
from probe.models.linear import LinearUnits, Whole, spread_of
from probe.models.local import LocalEngine
from probe.models.packed import Pack, packed
from probe.types import Tokens, TokenStats
from tests.contract import plain
from tests.models.test_layers import Model
from tests.models.units import in_use
from tests.tiny import save


@pytest.fixture(scope="module")
def units() -> Iterator[LinearUnits]:
    with in_use(LinearUnits, "linear", linear, "linear_units") as found:
        yield found


def _whole(layer: torch.nn.Module) -> bool:
    return isinstance(getattr(layer, "product", None), Whole)


def _error(found: Tensor | None, weight: Tensor, bias: Tensor | None, x: Tensor) -> float:
    """Returns the largest error in standard deviations of the exact output."""
    assert found is not None
    exact = x.double() @ weight.double().T + (0 if bias is None else bias.double())
    return float((found - exact).abs().max() / exact.std())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.integers(1, 150), outs=st.integers(1, 150), steps=st.integers(1, 20), bias=st.booleans(),
    threads=st.integers(1, 3), scale=st.floats(1e-3, 1e3), seed=st.integers(0, 10**6),
)  # fmt: skip
def test_against_float64(
    units: LinearUnits, rows: int, outs: int, steps: int, bias: bool, threads: int, scale: float, seed: int
) -> None:
    torch.manual_seed(seed)
    weight, x = torch.randn(outs, 16 * steps) * scale, torch.randn(rows, 16 * steps)
    shift, before = torch.randn(outs) if bias else None, torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = units.linear(weight, shift, spread_of(weight), x)
    finally:
        torch.set_num_threads(before)
    exact = x.double() @ weight.double().T + (0 if shift is None else shift.double())
    most = x.double().norm(dim=1)[:, None] * weight.double().norm(dim=1) + 1
    assert found is not None and float(((found - exact).abs() / most).max()) < 1e-6


@pytest.mark.parametrize(
    ("of_x", "of_weight"), [(1, 1), (40, 0.03), (0.03, 40), (1000, 1)],
    ids=["even", "wide inputs", "wide weights", "massive activations"],
)  # fmt: skip
def test_they_are_as_exact_as_torch_s(units: LinearUnits, of_x: float, of_weight: float) -> None:
    """No figure is further from float64 than thrice torch's, though columns stand out as they do in real models."""
    torch.manual_seed(0)
    weight, x, bias = torch.randn(600, 512) / 20, torch.randn(300, 512), torch.randn(600)
    x[:, [3, 77]] *= of_x
    weight[:, [3, 77]] *= of_weight
    mine, torchs = units.linear(weight, bias, spread_of(weight), x), torch.nn.functional.linear(x, weight, bias)
    assert _error(mine, weight, bias, x) <= 3 * _error(torchs, weight, bias, x)


@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
def test_a_row_that_is_no_number_spoils_itself_alone(units: LinearUnits, wrong: float) -> None:
    torch.manual_seed(0)
    weight, x = torch.randn(70, 64), torch.randn(40, 64)
    x[7, 3] = wrong
    found = units.linear(weight, None, spread_of(weight), x)
    assert found is not None and not torch.isfinite(found[7]).any()
    assert torch.isfinite(found[[row for row in range(40) if row != 7]]).all()


def test_a_row_far_from_the_others_is_left_to_torch(units: LinearUnits) -> None:
    weight = torch.randn(600, 64)
    spread = spread_of(weight)
    weight[5, 3] = 1e9  # written after the spread was taken
    assert units.linear(weight, None, spread, torch.randn(40, 64)) is None


def test_layers_of_a_model_become_such_and_its_head_does_not(units: LinearUnits) -> None:
    torch.manual_seed(0)
    model = Model(Linear(256, 512), Linear(512, 256), Linear(256, 40), Linear(40, 256), Linear(256, 9))
    x = torch.randn(2, 300, 256)
    with torch.inference_mode():
        expected = model[:2](x)
        fuse_layers(model, model.get_output_embeddings())
        assert [_whole(layer) for layer in model] == [True, True, False, False, False]
        assert torch.equal(model[:2](x), expected)  # nothing is scored
        with packed(Pack([(2, 300)])):
            many, few = model[:2](x), model[:2](x[:1, :7])
            assert torch.allclose(many, expected, rtol=1e-4, atol=1e-5) and not torch.equal(many, expected)
            assert torch.equal(few, many[:1, :7])  # whatever stands beside
    assert set(model.state_dict()) == {f"{layer}.{name}" for layer in range(5) for name in ("weight", "bias")}


def test_layers_of_gpt2_become_such_too(units: LinearUnits) -> None:
    torch.manual_seed(0)
    model = Model(Conv1D(512, 256), Conv1D(256, 512), Linear(256, 9))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    x = torch.randn(1, 300, 256)
    with torch.inference_mode():
        expected = model(x)
    fuse_layers(model, model.get_output_embeddings())
    assert [_whole(layer) for layer in model] == [True, True, False]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    with torch.inference_mode(), packed(Pack([(1, 300)])):
        assert torch.allclose(model(x), expected, rtol=1e-4, atol=1e-5)
    model(torch.randn(400, 256)).sum().backward()
    assert all(part.grad is not None for part in model.parameters())


@pytest.mark.parametrize("shape", ["gpt2", "neox", "llama"])
def test_a_model_of_such_layers_says_what_it_says_of_each_text_alone(
    units: LinearUnits, shape: str, tmp_path: Path
) -> None:
    """What is scored goes by the units, the model by itself by torch's."""
    engine = LocalEngine.open(str(save(shape, tmp_path, width=256)), dtype="float32")
    texts = [f"Line {n} of the table names the {n * n}th key, and what it is for. " * 2 for n in range(12)]
    tokens = [entry for entry in engine.tokenize(texts) if isinstance(entry, Tokens)]
    found = [entry for entry in engine.score(tokens) if isinstance(entry, TokenStats)]
    assert len(found) == 12 and any(_whole(part) for part in engine.network.model.modules())
    for one in found:
        expected = plain(engine.network.model, Window(one.tokens.ids, len(one.tokens.ids) - 1))
        for name in ("logprob", "mu", "sigma"):
            np.testing.assert_allclose(getattr(one, name), expected[name], atol=1e-4, err_msg=f"{shape} {name}")


def test_training_and_other_dtypes_go_on(units: LinearUnits) -> None:
    model = Model(Linear(256, 300), Linear(300, 9))
    fuse_layers(model, model.get_output_embeddings())
    model(torch.randn(400, 256)).sum().backward()
    assert all(part.grad is not None for part in model.parameters())
    with torch.inference_mode(), packed(Pack([(1, 400)])):
        assert model.bfloat16()(torch.randn(400, 256).bfloat16()).dtype == torch.bfloat16


def test_what_c_would_misread_is_refused(units: LinearUnits) -> None:
    weight, x, bias = torch.zeros(50, 64), torch.zeros(4, 64), torch.zeros(50)
    spread = spread_of(torch.ones(50, 64))
    assert units.linear(weight, bias, spread, x) is not None
    assert units.linear(weight, bias, spread, x[:0]).shape == (0, 50)
    wrong = [
        (weight, bias, spread, x.double()), (weight, bias[:49], spread, x), (weight, bias, spread[:, :32], x),
        (weight, bias, spread, torch.zeros(4, 48)), (weight.T, None, spread, x),
        (torch.zeros(50, 40), None, torch.ones(2, 40), torch.zeros(4, 40)),
    ]  # fmt: skip
    for arguments in wrong:
        with pytest.raises(TypeError, match="the kernel takes"):
            units.linear(*arguments)
