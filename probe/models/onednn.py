"""Products by oneDNN, by the function that torch's own compiler calls, where torch asks for less.

In bfloat16 torch copies a layer's bias into the result first; this adds it while it multiplies, bit for bit the same.
In float32 torch asks a library that leaves half of the vectors of AMD's processors unused.

oneDNN compiles a product for every number of rows that it meets, and keeps a thousand of them scattered over the heap:
gigabytes, if every batch has another number. Hence few are asked for.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import linear, pad

from probe.models.checks import wave
from probe.models.processor import slighted

STEP = 16  # rows: no product is asked for fewer


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Returns x [..., width] weight^T + bias, [..., outs]; weight [outs, width], all of one dtype."""
    rows = x.numel() // x.shape[-1]
    if rounded(rows, x.dtype) == rows:
        return _call(x, weight, bias)
    found = _call(filled(x.reshape(rows, -1)), weight, bias)
    return found[:rows].reshape(*x.shape[:-1], -1)


def filled(x: Tensor) -> Tensor:
    """Returns x [rows, width] with rows of zeros behind, as many as a product is asked for."""
    missing = rounded(len(x), x.dtype) - len(x) if x.device.type == "cpu" else 0
    return pad(x, (0, 0, 0, missing)) if missing else x


def fastest(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Returns the same, by oneDNN where that is worth it and by torch's own way where not."""
    return (product if x.device.type == "cpu" and serves(x.dtype) else linear)(x, weight, bias)


def _call(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    bias = None if bias is None else bias.contiguous()  # it reads as many values in a row, whatever the strides
    found: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return found


def rounded(rows: int, dtype: torch.dtype) -> int:
    """Returns the number of rows for which a product is asked: multiples of 16, and from 512 on of a 32nd to a 16th."""
    if dtype == torch.float32 and not slighted():
        return rows  # torch asks another library, which compiles nothing
    step = max(STEP, 1 << max(0, (rows - 1).bit_length() - 5))
    return -(-rows // step) * step


@cache
def serves(dtype: torch.dtype) -> bool:
    """True where it is worth asking for products of this dtype on a CPU, and says what torch says."""
    if dtype != torch.bfloat16 and not (dtype == torch.float32 and slighted()):
        return False
    weight, x, bias = (wave(rows, 96, 3).to(dtype) for rows in (70, 5, 1))
    try:
        found, expected = product(x, weight, bias[0, :70]), linear(x, weight, bias[0, :70])
    except (AttributeError, RuntimeError, TypeError):  # this torch has none
        return False
    return torch.equal(found, expected) if dtype == torch.bfloat16 else torch.allclose(found, expected, atol=1e-5)
