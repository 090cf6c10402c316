"""Linear layers with their bias: the same as torch's bit for bit, and torch's own where gradients are wanted."""

from __future__ import annotations

import pytest
import torch
from torch.nn import Linear, Sequential

from probe.models.biased import Biased, fuse_bias


class Model(Sequential):
    """With a head, as transformers' have one."""

    def get_output_embeddings(self) -> Linear:
        head = self[-1]
        assert isinstance(head, Linear)
        return head


def _model(dtype: torch.dtype) -> Model:
    torch.manual_seed(0)
    return Model(Linear(96, 70), Linear(70, 33, bias=False), Linear(33, 8), Linear(8, 9)).to(dtype)


@pytest.mark.parametrize("shape", [(1, 96), (300, 96), (1, 70, 96), (2, 5, 96)])
def test_they_say_the_same(shape: tuple[int, ...]) -> None:
    model, x = _model(torch.bfloat16), torch.randn(shape).bfloat16()
    with torch.inference_mode():
        expected = model(x)
        fuse_bias(model)
        assert [type(layer) for layer in model] == [Biased, Linear, Biased, Linear]
        assert torch.equal(model(x), expected)


def test_float32_stays_torch_s() -> None:
    model = _model(torch.float32)
    fuse_bias(model)
    assert {type(layer) for layer in model} == {Linear}


def test_training_goes_on() -> None:
    model = _model(torch.bfloat16)
    fuse_bias(model)
    model(torch.randn(4, 96).bfloat16()).sum().backward()
    assert all(part.grad is not None for part in model.parameters())
