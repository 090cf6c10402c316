"""GPT-2's linear layers, whose weight is [width, outs], by the product that layers.py chose; apart, for transformers is
imported with it.
"""

from __future__ import annotations

from torch import Tensor
from transformers.pytorch_utils import Conv1D

from probe.models.layers import Product, asked


class ConvLayer(Conv1D):
    """Such a layer."""

    product: Product

    def forward(self, x: Tensor) -> Tensor:
        found = asked(self.product, x, self.weight.T, self.bias)
        if found is None:
            found = super().forward(x)  # type: ignore[no-untyped-call]  # transformers' own
        return found
