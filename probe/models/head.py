"""head.c, compiled where the processor has matrix units (Intel's AMX) or vectors that stand in for them (AMD's): a head
and the statistics of its logits in one.

For bfloat16, whose products it adds up in float32 without rounding a logit, and for float32 as whole numbers of three
digits of eight bits (digits.h). streaming.py has the torch form.
"""

from __future__ import annotations

import ctypes
from collections.abc import Collection
from functools import cache

import torch
from torch import Tensor

from probe.models.checks import wave
from probe.models.compiled import on_units
from probe.models.kernel import require
from probe.models.processor import has_units

_P, _I = ctypes.c_void_p, ctypes.c_int64
_APART = 1  # what head.c says of such a row
_PARTS = {torch.bfloat16: 1, torch.float32: 3}
_STEP, _WIDEST = 32, 1 << 15  # values that a unit multiplies at once; sums of digits' products stay below 2^31
_SAMPLE = 1024  # rows of the weight that its columns' centre and spread are taken from
_LEAST = 1e-30  # of a spread: what has one below is all the same


class MatrixUnits:
    """The compiled function."""

    def __init__(self, library: ctypes.CDLL, dtypes: Collection[torch.dtype] = tuple(_PARTS)) -> None:
        """dtypes: for which it is the fastest way."""
        library.head.argtypes = [_P, _P, _P, _I, _I, ctypes.c_int, _P, _P, _I, _P, ctypes.c_int]
        library.head.restype = ctypes.c_int
        self._head, self._dtypes = library.head, dtypes

    def take(self, weight: Tensor) -> bool:
        """True for the weights [vocabulary, width] that they multiply."""
        fits = weight.shape[1] % _STEP == 0 and weight.shape[1] <= _WIDEST and weight.shape[0] < 1 << 31
        return weight.dtype in self._dtypes and weight.device.type == "cpu" and weight.is_contiguous() and fits

    def head(self, weight: Tensor, bias: Tensor | None, hidden: Tensor, targets: Tensor) -> tuple[Tensor, ...] | None:
        """Returns what streaming.py keeps of each row of hidden, float32 [rows, 5], and its target's logit [rows].

        None where a row of the weight is so far from the others that digits would not do. targets: int64 [rows], of the
        vocabulary. Raises TypeError, MemoryError.
        """
        require(weight.dtype, weight=weight, hidden=hidden)
        require(torch.int64, targets=targets)
        bias = None if bias is None else bias.float().contiguous()
        same = hidden.shape == (len(targets), weight.shape[1]) and (bias is None or bias.shape == weight.shape[:1])
        if not (same and self.take(weight)):
            raise TypeError("the kernel takes hidden states as wide as the weight, a multiple of 32, and their targets")
        if len(targets) and not 0 <= int(targets.min()) <= int(targets.max()) < len(weight):
            raise TypeError("the kernel takes targets of the vocabulary")
        out = hidden.new_empty(len(hidden), 6, dtype=torch.float32)
        frame = _frame(weight) if weight.dtype == torch.float32 else out[:0]
        done = self._head(
            weight.data_ptr(), None if bias is None else bias.data_ptr(), frame.data_ptr(), *weight.shape,
            _PARTS[weight.dtype], hidden.data_ptr(), targets.data_ptr(), len(hidden), out.data_ptr(),
            torch.get_num_threads(),
        )  # fmt: skip
        if not done:
            raise MemoryError("the head's scratch cannot be had")
        if done == _APART:
            return None
        if len(frame):  # the centre's part, the same in all logits of a row
            out[:, [0, 5]] += (hidden.double() @ frame[2].double()).float()[:, None]
        return out[:, :5], out[:, 5]


def _frame(weight: Tensor) -> Tensor:
    """Returns float32 [4, width]: what is taken from hidden states before they are cut into digits, and what they are
    multiplied with; then the same for rows of the weight, which makes its columns alike in centre and spread.

    A column far from the others would leave these few digits. Products are as before, but for what the weight's centre
    has in them; spreads are powers of two, by which nothing is rounded.
    """
    spread, centre = torch.std_mean(weight[:: len(weight) // _SAMPLE + 1], 0, correction=0)
    spread = spread.clamp_min(_LEAST).log2().round().exp2()
    return torch.stack([torch.zeros_like(centre), spread, centre, 1 / spread])


@cache
def matrix_units() -> MatrixUnits | None:
    """Returns them, or what stands in for them, where a compiler knows them and the system allows them, or None."""
    library = on_units("head")
    dtypes = tuple(_PARTS) if has_units() else (torch.bfloat16,)  # vectors multiply float32 as it is as fast as digits
    units = MatrixUnits(library, dtypes) if library else None
    return units if units and all(_agrees(units, dtype) for dtype in dtypes) else None


def _agrees(units: MatrixUnits, dtype: torch.dtype) -> bool:
    """True where they say what torch says of a small head."""
    weight, hidden = (wave(rows, 64).to(dtype) for rows in (70, 33))
    targets = torch.arange(33, device="cpu") * 2
    found = units.head(weight, None, hidden, targets)
    if found is None:
        return False
    state, own = found
    logits = hidden.float() @ weight.float().T
    told = torch.stack([state[:, 0] + state[:, 1].log(), own], 1)
    expected = torch.stack([logits.logsumexp(1), logits.gather(1, targets[:, None])[:, 0]], 1)
    return torch.allclose(told, expected, rtol=1e-4, atol=1e-4)
