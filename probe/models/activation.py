"""GELU in one pass over memory: GPT-2's family writes its tanh form out as eight, and torch's of bfloat16 is slow."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import gelu

from probe.models.checks import untouched
from probe.models.compiled import on_units
from probe.models.kernel import require
from probe.models.pointwise import pointwise

_P, _I = ctypes.c_void_p, ctypes.c_int64


class Gelu(torch.nn.Module):
    """x Phi(x), or 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), 1606.08415; tanh: which of them."""

    def __init__(self, tanh: bool) -> None:
        super().__init__()
        self.tanh = tanh

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type == "cpu" and x.is_contiguous() and torch.is_inference_mode_enabled():
            if x.dtype == torch.bfloat16 and (units := gelu_units()):
                return units.gelu(x, self.tanh)
            if x.dtype == torch.float32 and self.tanh and (compiled := pointwise()):
                return compiled.gelu(x)
        return gelu(x, approximate="tanh" if self.tanh else "none")


class GeluUnits:
    """gelu.c, compiled."""

    def __init__(self, library: ctypes.CDLL) -> None:
        library.gelu.argtypes = [_P, _P, _I, ctypes.c_int, ctypes.c_int]
        library.gelu.restype = None
        self._gelu = library.gelu

    def gelu(self, x: Tensor, tanh: bool) -> Tensor:
        """Returns GELU of contiguous bfloat16. Raises TypeError."""
        require(torch.bfloat16, x=x)
        y = torch.empty_like(x)
        self._gelu(x.data_ptr(), y.data_ptr(), x.numel(), tanh, torch.get_num_threads())
        return y


@cache
def gelu_units() -> GeluUnits | None:
    """Returns it where the processor multiplies bfloat16 and a compiler knows how, or None."""
    library = on_units("gelu")
    return GeluUnits(library) if library else None


def fuse(model: Any) -> None:
    """Puts Gelu in the place of each module that is the same function."""
    from transformers.activations import GELUActivation, GELUTanh, NewGELUActivation

    for module in list(model.modules()):
        for name, child in module.named_children():
            if not untouched(child):
                continue
            if type(child) in (NewGELUActivation, GELUTanh):
                setattr(module, name, Gelu(tanh=True))
            elif type(child) is GELUActivation and child.act is gelu:
                setattr(module, name, Gelu(tanh=False))
