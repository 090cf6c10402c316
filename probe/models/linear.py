"""linear.c, compiled where the processor has matrix units (Intel's AMX): float32 layers of a model as whole numbers.

Twice as fast as torch's float32, and as exact: digits.h. vectors are no faster at it.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from probe.models.checks import wave
from probe.models.compiled import on_units
from probe.models.kernel import require
from probe.models.processor import has_units
from probe.models.scoring import is_scoring

_P, _I = ctypes.c_void_p, ctypes.c_int64
_DONE = 2  # what linear.c says
_STEP, _LEAST, _WIDEST = 16, 256, 1 << 15  # of the width; smaller layers are not worth cutting


@dataclass(frozen=True, slots=True)
class Whole:
    """The product of a layer (layers.py). spread: see `spread_of`."""

    spread: Tensor

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor | None:
        """Returns it, None where nothing is scored: a text that is goes there however short, for its figures must not
        depend on what stands beside.
        """
        units = linear_units() if is_scoring() and weight.dtype == torch.float32 and weight.is_contiguous() else None
        return units.linear(weight, bias, self.spread, x) if units else None


class LinearUnits:
    """The compiled function."""

    def __init__(self, library: ctypes.CDLL) -> None:
        library.linear.argtypes = [_P, _P, _P, _I, _I, _P, _I, _P, ctypes.c_int]
        library.linear.restype = ctypes.c_int
        self._linear = library.linear

    def linear(self, weight: Tensor, bias: Tensor | None, spread: Tensor, x: Tensor) -> Tensor | None:
        """Returns x [..., width] weight^T + bias, [..., outs]; None where a row of the weight is far from the others,
        or there is no memory for its digits.

        weight: [outs, width], width a multiple of 16; spread: see `spread_of`. Raises TypeError.
        """
        x, bias = x.contiguous(), None if bias is None else bias.contiguous()
        require(torch.float32, weight=weight, spread=spread, x=x, **({} if bias is None else {"bias": bias}))
        outs, width = weight.shape
        fits = width % _STEP == 0 and width <= _WIDEST and x.shape[-1] == width and spread.shape == (2, width)
        if not fits or (bias is not None and bias.shape != (outs,)):
            raise TypeError(
                "the kernel takes rows as wide as the weight, a multiple of 16, and a bias for each of its rows"
            )
        out = x.new_empty(*x.shape[:-1], outs)
        done = self._linear(
            weight.data_ptr(), None if bias is None else bias.data_ptr(), spread.data_ptr(), outs, width, x.data_ptr(),
            x.numel() // width, out.data_ptr(), torch.get_num_threads(),
        )  # fmt: skip
        return out if done == _DONE else None


@cache
def linear_units() -> LinearUnits | None:
    """Returns it where there are matrix units, a compiler knows them and the system allows them, or None."""
    library = on_units("linear") if has_units() else None
    units = LinearUnits(library) if library else None
    return units if units and _agrees(units) else None


def spread_of(weight: Tensor) -> Tensor:
    """Returns float32 [2, width]: what columns of the input are multiplied with before they are cut into digits, so
    that none of the weight's stands out, and those of the weight, its inverse. Powers of two: nothing is rounded.
    """
    spread = torch.linalg.vector_norm(weight, dim=0).div(len(weight) ** 0.5).clamp_min(1e-30).log2().round().exp2()
    return torch.stack([spread, 1 / spread])


def whole_for(weight: Tensor) -> Whole | None:
    """Returns the product of a float32 weight [outs, width] on a CPU, None where the units do not take it."""
    outs, width = weight.shape
    fits = weight.dtype == torch.float32 and width % _STEP == 0 and outs >= _LEAST and _LEAST <= width <= _WIDEST
    if not fits or linear_units() is None:
        return None
    spread = spread_of(weight)
    return Whole(spread) if torch.isfinite(spread).all() else None


def _agrees(units: LinearUnits) -> bool:
    """True where they say what torch says of a small layer."""
    weight, x, bias = wave(70, 80), wave(33, 80), wave(1, 70)[0]
    found = units.linear(weight, bias, spread_of(weight), x)
    return found is not None and torch.allclose(found, x @ weight.T + bias, rtol=1e-5, atol=1e-4)
