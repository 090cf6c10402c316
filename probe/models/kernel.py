"""kernel.c, compiled where a compiler is at hand: a tile of logits reduced in one pass.

streaming.py has the torch form, used where this one cannot be had or does not agree with it.
"""

from __future__ import annotations

import ctypes
from functools import cache

import torch
from torch import Tensor

from probe.models.compiled import compiled

_P, _I = ctypes.c_void_p, ctypes.c_int64
_TRIM, _MAP = -1, -3  # glibc's M_TRIM_THRESHOLD and M_MMAP_THRESHOLD


class Kernel:
    """The compiled function. All tensors are contiguous float32 on the CPU."""

    def __init__(self, library: ctypes.CDLL) -> None:
        library.fold.argtypes = [_P, _I, _I, _P, _P, _P, ctypes.c_int]
        library.fold.restype = None
        self._fold = library.fold

    def fold(self, tile: Tensor, limit: Tensor, place: Tensor, state: Tensor) -> None:
        """Adds tile [rows, columns] to state [rows, 6]; limit float32 and place int64 [rows]. Raises TypeError."""
        require(torch.float32, tile=tile, limit=limit, state=state)
        require(torch.int64, place=place)
        if not len(tile) == len(limit) == len(place) == len(state) or state.shape[1] != 6:
            raise TypeError("the kernel takes as many rows of each")
        sizes = (*tile.shape, limit.data_ptr(), place.data_ptr(), state.data_ptr(), torch.get_num_threads())
        self._fold(tile.data_ptr(), *sizes)


def require(dtype: torch.dtype, **tensors: Tensor) -> None:
    """Raises TypeError: C would read whatever lies there."""
    for name, tensor in tensors.items():
        if tensor.dtype != dtype or tensor.device.type != "cpu" or not tensor.is_contiguous():
            raise TypeError(f"the kernel takes {name} contiguous, {dtype} and on the CPU, not {tensor.dtype}")


@cache
def kernel() -> Kernel | None:
    """Returns the compiled kernel, or None."""
    library = compiled("kernel")
    return Kernel(library) if library else None


@cache
def keep_memory() -> None:
    """Lets the allocator keep freed blocks of up to 32 MiB, 256 MiB in all: to map and clear them again costs 4%."""
    try:
        for option, size in ((_TRIM, 1 << 28), (_MAP, 1 << 25)):
            ctypes.CDLL(None).mallopt(option, size)
    except (AttributeError, OSError, TypeError):  # not glibc
        return
