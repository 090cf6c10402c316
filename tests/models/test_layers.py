"""Linear layers by another product: torch's bit for bit in bfloat16, as exact in float32, torch's own in training."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import Linear, Module, Sequential
from transformers.pytorch_utils import Conv1D

from probe.models import onednn
from probe.models.layers import Layer, fuse_layers
from probe.models.packed import Pack, packed
from probe.models.processor import slighted

NARROW, WIDE = torch.bfloat16, torch.float32


class Model(Sequential):
    """With a head, as transformers' have one."""

    def get_output_embeddings(self) -> Linear:
        head = self[-1]
        assert isinstance(head, Linear)
        return head


def _model(dtype: torch.dtype, conv: bool = False) -> Model:
    torch.manual_seed(0)
    second = Conv1D(33, 70) if conv else Linear(70, 33, bias=False)
    return Model(Linear(96, 70), second, Linear(33, 8), Linear(8, 9)).to(dtype)


def _other(layer: Module) -> bool:
    """True for a layer whose product is another than torch's."""
    return hasattr(layer, "product")


def _served(dtype: torch.dtype) -> None:
    if not onednn.serves(dtype):
        pytest.skip(f"torch's own product of {dtype} is the fastest here")


@pytest.mark.parametrize("conv", [False, True])
@pytest.mark.parametrize("shape", [(1, 96), (300, 96), (1, 70, 96), (2, 5, 96), (1, 1, 96), (0, 96)])
@pytest.mark.parametrize("dtype", [NARROW, WIDE])
def test_they_say_the_same(dtype: torch.dtype, shape: tuple[int, ...], conv: bool) -> None:
    _served(dtype)
    model, x = _model(dtype, conv), torch.randn(shape).to(dtype)
    with torch.inference_mode(), packed(Pack([(1, 1)])):
        expected = model(x)
        fuse_layers(model, model[-1])
        assert [_other(layer) for layer in model] == [True, True, True, False]  # the head is not
        if dtype == NARROW:
            assert torch.equal(model(x), expected)
        else:
            torch.testing.assert_close(model(x), expected, rtol=1e-4, atol=1e-5)


def _error(found: Tensor, x: Tensor, layer: Linear) -> float:
    exact = x.double() @ layer.weight.double().T + layer.bias.double()
    return float((found.double() - exact).abs().max() / exact.std())


@pytest.mark.parametrize("width", [96, 512, 2048])
def test_float32_is_as_exact(width: int) -> None:
    """No figure is further from float64 than four times torch's, whose sums are cut shorter."""
    _served(WIDE)
    torch.manual_seed(0)
    layer, x = Linear(width, 600), torch.randn(300, width)
    with torch.inference_mode():
        mine, torchs = onednn.product(x, layer.weight, layer.bias), layer(x)
        assert _error(mine, x, layer) <= 4 * _error(torchs, x, layer) < 1e-5


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("width", "outs"), [(96, 70), (512, 2048), (2048, 512), (768, 1024)])
def test_a_row_s_figures_do_not_depend_on_its_company(width: int, outs: int, threads: int) -> None:
    _served(WIDE)
    torch.manual_seed(0)
    layer, x, before = Linear(width, outs), torch.randn(700, width), torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.inference_mode():
            whole = onednn.product(x, layer.weight, layer.bias)
            for rows in (1, 2, 3, 5, 16, 17, 100, 333):
                found = onednn.product(x[:rows].contiguous(), layer.weight, layer.bias)
                assert torch.equal(found, whole[:rows]), rows
    finally:
        torch.set_num_threads(before)


@given(rows=st.integers(1, 100_000))
def test_few_numbers_of_rows_are_asked_for(rows: int) -> None:
    found = onednn.rounded(rows, NARROW)
    assert rows <= found <= max(rows + 15, rows * 17 / 16) and onednn.rounded(found, NARROW) == found
    assert onednn.rounded(rows, WIDE) == (found if slighted() else rows)


def test_they_are_few() -> None:
    assert len({onednn.rounded(rows, NARROW) for rows in range(1, 2049)}) <= 64


def test_a_single_new_token_stays_torch_s() -> None:
    """Those of few samples, too, unless they are scored: what is, goes one way however short it is."""
    layer, asked = Layer(8, 3), []
    layer.product = lambda x, weight, bias: asked.append(x.shape)
    with torch.inference_mode():
        for rows in (1, 15):
            assert layer(torch.zeros(rows, 1, 8)).shape == (rows, 1, 3) and not asked
        layer(torch.zeros(2, 8, 8))
        with packed(Pack([(1, 1)])):
            layer(torch.zeros(1, 1, 8))
    assert asked == [(2, 8, 8), (1, 1, 8)]


@pytest.mark.parametrize("dtype", [NARROW, WIDE])
def test_a_bias_of_any_strides(dtype: torch.dtype) -> None:
    _served(dtype)
    x, weight = torch.randn(16, 48).to(dtype), torch.randn(64, 48).to(dtype)
    every = torch.randn(64, 2).to(dtype)
    for bias in (every[:, 0], every[:1, :1].flatten().expand(64)):
        assert torch.equal(onednn.product(x, weight, bias), onednn.product(x, weight, bias.contiguous()))


def test_a_head_that_cannot_stand_alone_is_a_layer_like_others() -> None:
    _served(NARROW)
    model = _model(NARROW)
    fuse_layers(model, None)
    assert all(map(_other, model))


def test_float32_stays_torch_s_where_that_is_as_fast() -> None:
    if slighted():
        pytest.skip("this processor's vectors are left half unused by torch's product")
    model = _model(WIDE)
    fuse_layers(model, model[-1])
    assert not any(map(_other, model))


@pytest.mark.parametrize("cast", [torch.float64, torch.float16])
def test_a_model_that_is_cast_goes_on(cast: torch.dtype) -> None:
    model = _model(NARROW, conv=True)
    fuse_layers(model, model[-1])
    with torch.inference_mode():
        assert model.to(cast)(torch.randn(4, 96).to(cast)).dtype == cast


def test_autocast_goes_on() -> None:
    model = _model(WIDE)
    fuse_layers(model, model[-1])
    with torch.inference_mode(), torch.autocast("cpu", NARROW):
        assert model[0](torch.randn(4, 96)).dtype == NARROW


@pytest.mark.parametrize("dtype", [NARROW, WIDE])
def test_training_goes_on(dtype: torch.dtype) -> None:
    model = _model(dtype, conv=True)
    fuse_layers(model, model[-1])
    model(torch.randn(4, 96).to(dtype)).sum().backward()
    assert all(part.grad is not None for part in model.parameters())
