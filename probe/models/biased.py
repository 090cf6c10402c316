"""Linear layers that add their bias while they multiply: torch copies it into the result of bfloat16 products first.

The function is the one that torch's own compiler calls, and gives bit for bit the same.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import Linear


class Biased(Linear):
    """A linear layer; training goes by torch's own way."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - its name in torch
        if torch.is_grad_enabled() or input.dtype != torch.bfloat16 or input.device.type != "cpu":
            return super().forward(input)
        return _multiply(input, self)


def _multiply(x: Tensor, layer: Linear) -> Tensor:
    found: Tensor = torch.ops.mkldnn._linear_pointwise(x, layer.weight, layer.bias, "none", [], "")
    return found


@torch.inference_mode()
def fuse_bias(model: Any) -> None:
    """Makes the plain linear layers of a bfloat16 model such ones, where this torch has the function; its head goes
    another way (streaming.py).
    """
    head = model.get_output_embeddings()
    layers = [part for part in model.modules() if type(part) is Linear and part.bias is not None and part is not head]
    if not layers or not _fits(layers[0]):
        return
    for layer in layers:
        layer.__class__ = Biased


def _fits(layer: Linear) -> bool:
    """True where the function is there, and says of the layer what torch's does."""
    if layer.weight.dtype != torch.bfloat16 or layer.weight.device.type != "cpu":
        return False
    x = torch.linspace(-3, 3, 5 * layer.in_features).sin().view(1, 5, layer.in_features).bfloat16()
    try:
        return torch.equal(_multiply(x, layer), layer(x))
    except (AttributeError, RuntimeError, TypeError):
        return False
