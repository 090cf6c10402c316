"""What tests of code for a processor's matrix units begin with: vectors stand in for them where there are none."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TypeVar

import pytest

from probe.models.compiled import on_units

T = TypeVar("T")


def needed(found: T | None) -> T:
    if found is None:
        pytest.skip("this processor multiplies no bfloat16 in AVX-512, or there is no compiler that knows it")
    return found


@contextmanager
def in_use(kind: Callable[[ctypes.CDLL], T], name: str, module: ModuleType, asked: str) -> Iterator[T]:
    """Lets a module have those of NAME.c, in float32 too, for which vectors are not the fastest way."""
    units = kind(needed(on_units(name)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, asked, lambda: units)
        yield units
