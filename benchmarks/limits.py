"""What the machine's matrix multiplication allows: tokens per second if nothing else took time."""

from __future__ import annotations

import statistics
import time
from functools import cache
from typing import Any

import torch

_SHAPES = ((1024, 512, 2048), (2048, 768, 3072), (1024, 768, 1024), (2048, 2048, 2048))
_RUNS = 15


@cache
@torch.inference_mode()
def matmul(dtype: torch.dtype, device: str = "cpu") -> float:
    """Returns the sustained rate of the best of several shapes, FLOP/s."""
    return max(_rate(rows, inner, columns, dtype, device) for rows, inner, columns in _SHAPES)


def _rate(rows: int, inner: int, columns: int, dtype: torch.dtype, device: str) -> float:
    a, b = torch.randn(rows, inner, dtype=dtype, device=device), torch.randn(columns, inner, dtype=dtype, device=device)
    out = torch.empty(rows, columns, dtype=dtype, device=device)
    seconds = []
    for _ in range(_RUNS):
        begin = time.perf_counter()
        torch.mm(a, b.T, out=out)
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
