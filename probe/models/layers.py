"""A model's linear layers, by another product where torch's own is not the fastest: linear.py, onednn.py.

Training goes by torch's own way; the head goes another way altogether (streaming.py).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import Linear

from probe.models import onednn
from probe.models.linear import whole_for
from probe.models.packed import packing

Product = Callable[[Tensor, Tensor, Tensor | None], Tensor | None]  # x, weight [outs, width], bias; None: by torch's


class Layer(Linear):
    """A linear layer."""

    product: Product

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - its name in torch
        found = _asked(self.product, input, self.weight, self.bias)
        return super().forward(input) if found is None else found


@cache
def _conv() -> type[torch.nn.Module]:
    """Returns the same of GPT-2's layers, whose weight is [width, outs]."""
    from transformers.pytorch_utils import Conv1D

    class ConvLayer(Conv1D):
        product: Product

        def forward(self, x: Tensor) -> Tensor:
            found = _asked(self.product, x, self.weight.T, self.bias)
            if found is None:
                found = super().forward(x)  # type: ignore[no-untyped-call]  # transformers' own
            return found

    return ConvLayer


def _asked(product: Product, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor | None:
    """Returns None, too, for a single new token, at which torch is faster, but not for a short text that is scored."""
    rows = x.numel() // x.shape[-1]
    plain = x.device.type == "cpu" and x.dtype == weight.dtype and not torch.is_autocast_enabled("cpu")
    scored = rows > 1 or (rows == 1 and packing())
    return product(x, weight, bias) if plain and scored and not torch.is_grad_enabled() else None


@torch.inference_mode(mode=False)  # or what is laid out anew could not be trained
@torch.no_grad()
def fuse_layers(model: Any) -> None:
    """Makes the plain linear layers of a model such ones, where that is worth it."""
    from transformers.pytorch_utils import Conv1D

    head = model.get_output_embeddings()
    for layer in model.modules():
        if type(layer) is Linear and layer is not head:
            _become(Layer, layer, _product(layer.weight))
        elif type(layer) is Conv1D:
            _become(_conv(), layer, _product(layer.weight.T))


def _become(kind: type[torch.nn.Module], layer: Any, product: Product | None) -> None:
    if product is None:
        return
    layer.__class__, layer.product = kind, product
    if kind is not Layer and layer.weight.dtype == torch.float32:  # laid out as a linear layer's is, and seen as before
        layer.weight.data = layer.weight.data.T.contiguous().T


def _product(weight: Tensor) -> Product | None:
    if weight.device.type != "cpu":
        return None
    return whole_for(weight) or (_onednns if onednn.serves(weight.dtype) else None)


def _onednns(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor | None:
    """Returns None for a model that was cast since."""
    return onednn.product(x, weight, bias) if onednn.serves(x.dtype) else None
