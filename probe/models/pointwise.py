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

    def takes(self, *tensors: Tensor) -> bool:
        """True for tensors of one dtype that it knows, contiguous and on the CPU."""
        (dtype, *others) = {tensor.dtype for tensor in tensors}
        there = all(tensor.device.type == "cpu" and tensor.is_contiguous() for tensor in tensors)
        return not others and dtype in _DTYPES and there

    def norm(self, x: Tensor, weight: Tensor, least: float) -> Tensor:
        """Returns RMSNorm of x [..., width]; least: what is added to the mean square."""
        if not self.takes(x, weight) or weight.shape != x.shape[-1:] or not len(weight):
            raise TypeError("the kernel takes as many values of one dtype as the weight has")
        y = torch.empty_like(x)
        rows, sizes = x.numel() // len(weight), (_narrow(x), torch.get_num_threads())
        self._library.norm(x.data_ptr(), weight.data_ptr(), y.data_ptr(), rows, len(weight), least, *sizes)
        return y

    def gate(self, x: Tensor, by: Tensor) -> Tensor:
        """Returns x sigmoid(x) `by`."""
        if not self.takes(x, by) or x.shape != by.shape:
            raise TypeError("the kernel takes as many values of each, of one dtype")
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

    def turns(self, x: Tensor, cosine: Tensor, sine: Tensor) -> bool:
        """True for what `rotate` takes."""
        fits = x.dim() == 3 and cosine.shape == sine.shape == (x.shape[1], cosine.shape[-1])
        even = fits and cosine.shape[-1] % 2 == 0 and cosine.shape[-1] <= x.shape[2] and x.stride(2) == 1
        return even and self.takes(x[:0], cosine, sine)  # of x no more than dtype and device: it may have strides

    def rotate(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """Returns x [heads, tokens, width], whose values lie side by side, with rotary positions; cosine, sine:
        [tokens, rotated values].
        """
        if not self.turns(x, cosine, sine):
            raise TypeError("the kernel takes heads whose values lie side by side, and angles of their tokens")
        heads, tokens, width = x.shape
        y = x.new_empty(heads, tokens, width)
        self._library.rotate(
            x.data_ptr(), x.stride(0), x.stride(1), cosine.data_ptr(), sine.data_ptr(), heads, tokens, width,
            cosine.shape[1] // 2, y.data_ptr(), _narrow(x), torch.get_num_threads(),
        )  # fmt: skip
        return y


def _narrow(x: Tensor) -> bool:
    return x.dtype == torch.bfloat16


@cache
def pointwise() -> Pointwise | None:
    """Returns them, or None."""
    library = compiled("pointwise")
    return Pointwise(library) if library else None
