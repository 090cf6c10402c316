"""pointwise.c, compiled where a compiler is at hand: what a body does between its products, each in one pass.

Models write these out as three to a dozen passes over memory. float32 and bfloat16, on the CPU.
"""

from __future__ import annotations

import ctypes
from functools import cache

import torch
from torch import Tensor

from probe.models.compiled import compiled
from probe.models.kernel import require

_P, _I, _C = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int
_DTYPES = (torch.float32, torch.bfloat16)


class Pointwise:
    """The compiled functions. Tensors are of one dtype and contiguous, unless said otherwise; all raise TypeError."""

    def __init__(self, library: ctypes.CDLL) -> None:
        library.norm.argtypes = [_P, _P, _P, _I, _I, ctypes.c_float, _C, _C]
        library.gate.argtypes = [_P, _P, _P, _I, _C, _C]
        library.gelu.argtypes = [_P, _P, _I, _C]
        library.rotate.argtypes = [_P, _I, _I, _P, _P, _I, _I, _I, _I, _P, _C, _C]
        library.norm.restype = library.gate.restype = library.gelu.restype = library.rotate.restype = None
        self._library = library

    def norm(self, x: Tensor, weight: Tensor, least: float) -> Tensor:
        """Returns RMSNorm of x [..., width]; least: what is added to the mean square."""
        _require(x=x, weight=weight)
        if weight.shape != x.shape[-1:] or not len(weight):
            raise TypeError("the kernel takes as many values as the weight has")
        y = torch.empty_like(x)
        rows, sizes = x.numel() // len(weight), (_narrow(x), torch.get_num_threads())
        self._library.norm(x.data_ptr(), weight.data_ptr(), y.data_ptr(), rows, len(weight), least, *sizes)
        return y

    def gate(self, x: Tensor, by: Tensor) -> Tensor:
        """Returns x sigmoid(x) `by`."""
        _require(x=x, by=by)
        if x.shape != by.shape:
            raise TypeError("the kernel takes as many values of each")
        y = torch.empty_like(x)
        sizes = (x.numel(), _narrow(x), torch.get_num_threads())
        self._library.gate(x.data_ptr(), by.data_ptr(), y.data_ptr(), *sizes)
        return y

    def gelu(self, x: Tensor) -> Tensor:
        """Returns GELU in its tanh form, of float32."""
        require(torch.float32, x=x)
        y = torch.empty_like(x)
        self._library.gelu(x.data_ptr(), y.data_ptr(), x.numel(), torch.get_num_threads())
        return y

    def rotate(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """Returns x [heads, tokens, width], whose values lie side by side, with rotary positions; cosine, sine:
        [tokens, rotated values].
        """
        _require(x=x[:0], cosine=cosine, sine=sine)  # of x no more than the dtype: it may have strides
        (heads, tokens, width), rotated = x.shape if x.dim() == 3 else (0, 0, 0), cosine.shape[-1]
        fits = cosine.shape == sine.shape == (tokens, rotated) and rotated % 2 == 0 and rotated <= width
        if not fits or x.stride(2) != 1:
            raise TypeError("the kernel takes heads whose values lie side by side, and angles of their tokens")
        y = x.new_empty(heads, tokens, width)
        self._library.rotate(
            x.data_ptr(), x.stride(0), x.stride(1), cosine.data_ptr(), sine.data_ptr(), heads, tokens, width,
            rotated // 2, y.data_ptr(), _narrow(x), torch.get_num_threads(),
        )  # fmt: skip
        return y


def _narrow(x: Tensor) -> bool:
    return x.dtype == torch.bfloat16


def _require(**tensors: Tensor) -> None:
    (dtype, *others) = {tensor.dtype for tensor in tensors.values()}
    if others or dtype not in _DTYPES:
        raise TypeError(f"the kernel takes one of {_DTYPES}")
    require(dtype, **tensors)


@cache
def pointwise() -> Pointwise | None:
    """Returns them, or None."""
    library = compiled("pointwise")
    return Pointwise(library) if library else None
