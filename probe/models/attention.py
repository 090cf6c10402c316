"""Attention of a pack of texts in one call: attention.c in bfloat16, where the processor has matrix units or what
stands in for them; plain.c in float32, where a compiler is. packed.py has the torch form.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from probe.models.compiled import compiled, on_units

_P, _I = ctypes.c_void_p, ctypes.c_int64
Job = tuple[int, int, int, int, int]  # first query, queries, first key, keys, 1 where each sees those up to itself


class Attention:
    """A compiled function. Tensors are [heads, tokens, width], of any strides but the last."""

    def __init__(self, library: ctypes.CDLL, dtype: torch.dtype, step: int) -> None:
        """dtype: of the values; step: they are taken so many at a time."""
        library.attend.argtypes = [_P, _P, _P, _P, _P, _I, _I, _I, _I, ctypes.c_float, _P, _P, ctypes.c_int]
        library.attend.restype = ctypes.c_int
        self._attend, self.dtype, self._step = library.attend, dtype, step

    def takes(self, *parts: Tensor) -> bool:
        """True for queries, keys and values that it multiplies."""
        (width, *others) = {part.shape[-1] for part in parts}
        return not others and width % self._step == 0 and all(_of(self.dtype, part) for part in parts)

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, jobs: Sequence[Job], scale: float | None, weigh: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Returns attention [tokens, heads, width] and, where it is to be weighed, its log-sums of exponentials
        [tokens, heads], float32. Every query belongs to one job. Raises TypeError, MemoryError.
        """
        heads, tokens, width = query.shape
        if not self.takes(query, key, value) or heads % len(key) or key.shape != value.shape:
            raise TypeError(f"the kernel takes {self.dtype} heads of a multiple of {self._step} values")
        if any(q + queries > tokens or k + keys > key.shape[1] or keys < 1 for q, queries, k, keys, _ in jobs):
            raise TypeError("the kernel takes jobs within the tokens")
        strides = torch.tensor([part.stride(n) for part in (query, key, value) for n in (0, 1)], device="cpu")
        plan, out = torch.tensor(jobs, device="cpu"), query.new_empty(tokens, heads, width)
        total = query.new_empty(tokens, heads, dtype=torch.float32) if weigh else None
        done = self._attend(
            query.data_ptr(), key.data_ptr(), value.data_ptr(), strides.data_ptr(), plan.data_ptr(), len(jobs), heads,
            heads // len(key), width, width**-0.5 if scale is None else scale, out.data_ptr(),
            None if total is None else total.data_ptr(), torch.get_num_threads(),
        )  # fmt: skip
        if not done:
            raise MemoryError("the scratch of attention cannot be had")
        return out, total


def _of(dtype: torch.dtype, part: Tensor) -> bool:
    return part.dtype == dtype and part.device.type == "cpu" and part.stride(-1) == 1


@cache
def attention_units() -> Attention | None:
    """Returns them, or what stands in for them, where a compiler knows them and the system allows them, or None."""
    library = on_units("attention")
    return Attention(library, torch.bfloat16, 32) if library else None


@cache
def attention_plain() -> Attention | None:
    """Returns that of float32 where there is a compiler, or None."""
    library = compiled("plain")
    return Attention(library, torch.float32, 16) if library else None


def attention_for(query: Tensor, key: Tensor, value: Tensor) -> Attention | None:
    """Returns what takes these, None where torch's is at hand alone."""
    both = attention_units(), attention_plain()
    return next((one for one in both if one and one.takes(query, key, value)), None)
