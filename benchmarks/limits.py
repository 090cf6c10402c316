"""What the machine's matrix multiplication allows: tokens per second if nothing else took time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from probe.models import onednn

_SHAPES = ((1024, 512, 2048), (2048, 768, 3072), (1024, 768, 1024), (2048, 2048, 2048))
_RUNS = 15
Product = Callable[[Tensor, Tensor, Tensor], None]


@cache
@torch.inference_mode()
def matmul(dtype: torch.dtype, device: str = "cpu") -> float:
    """Returns the sustained rate of the best of several shapes and libraries, FLOP/s."""
    products = [_torchs, *([_onednns] if device == "cpu" and onednn.serves(dtype) else [])]
    return max(_rate(product, *shape, dtype, device) for shape in _SHAPES for product in products)


def _torchs(a: Tensor, b: Tensor, out: Tensor) -> None:
    torch.mm(a, b.T, out=out)


def _onednns(a: Tensor, b: Tensor, out: Tensor) -> None:
    onednn.product(a, b)


def _rate(product: Product, rows: int, inner: int, columns: int, dtype: torch.dtype, device: str) -> float:
    a, b = torch.randn(rows, inner, dtype=dtype, device=device), torch.randn(columns, inner, dtype=dtype, device=device)
    out = torch.empty(rows, columns, dtype=dtype, device=device)
    seconds = []
    for _ in range(_RUNS):
        begin = time.perf_counter()
        product(a, b, out)
        if device != "cpu":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - begin)
    return 2 * rows * inner * columns / statistics.median(seconds[3:])


def flops(model: Any) -> int:
    """Returns FLOP per token of the linear layers, head included; attention's own products are not counted."""
    from transformers.pytorch_utils import Conv1D

    linear = (torch.nn.Linear, Conv1D)
    return 2 * sum(module.weight.numel() for module in model.modules() if isinstance(module, linear))


def tokens(model: Any) -> float:
    """Returns tokens/s at the matmul rate of the model's dtype."""
    return matmul(model.dtype, model.device.type) / flops(model)
