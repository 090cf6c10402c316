"""A model's linear layers, by another product where torch's own is not the fastest: linear.py, onednn.py.

Training goes by torch's own way; a head that stands alone goes another way altogether (streaming.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Linear

from probe.models import onednn
from probe.models.linear import whole_for
from probe.models.scoring import is_scoring

Product = Callable[[Tensor, Tensor, Tensor | None], Tensor | None]  # x, weight [outs, width], bias; None: by torch's


class Layer(Linear):
    """A linear layer."""

    product: Product

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - its name in torch
        found = asked(self.product, input, self.weight, self.bias)
        return super().forward(input) if found is None else found


def asked(product: Product, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor | None:
    """Returns a layer's product; None where torch's own is to be asked: in training, where torch records a model, and
    for few new tokens, at which it is faster. A short text that is scored has ours: its figures must not depend on
    what stands beside it.
    """
    rows = x.numel() // x.shape[-1]
    plain = x.device.type == "cpu" and x.dtype == weight.dtype and not torch.is_autocast_enabled("cpu")
    scored = rows >= onednn.STEP or (rows > 0 and is_scoring())
    return product(x, weight, bias) if plain and scored and torch.is_inference_mode_enabled() else None


@torch.inference_mode(mode=False)  # or what is laid out anew could not be trained
@torch.no_grad()
def fuse_layers(model: Any, head: Any) -> None:
    """Makes the plain linear layers of a model such ones, where that is worth it, but for a head that stands alone."""
    from transformers.pytorch_utils import Conv1D

    from probe.models.conv import ConvLayer

    for layer in model.modules():
        if type(layer) is Linear and layer is not head:
            _become(Layer, layer, _product(layer.weight))
        elif type(layer) is Conv1D:
            _become(ConvLayer, layer, _product(layer.weight.T))


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
