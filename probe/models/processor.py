"""What this processor multiplies fast. Asked of it, not measured: no figure may depend on what else ran meanwhile."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch


@cache
def has_units() -> bool:
    """True where it has matrix units (Intel's AMX), for bfloat16 and for bytes."""
    return torch.cpu._is_amx_tile_supported()


@cache
def doubles() -> bool:
    """True where its vectors multiply bfloat16 at twice the rate of float32: AMD's AVX-512 does, Intel's at half."""
    return _amd() and torch.cpu._is_avx512_bf16_supported()


def narrows() -> bool:
    """True where it multiplies bfloat16 faster than float32, by units or by vectors."""
    return has_units() or doubles()


@cache
def slighted() -> bool:
    """True where the library that torch multiplies float32 with leaves half of its vectors unused: on AMD's AVX-512."""
    return _amd() and torch.cpu._is_avx512_supported()


@cache
def _amd() -> bool:
    try:
        return "AuthenticAMD" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
