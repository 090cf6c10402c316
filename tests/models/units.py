"""What tests of code for a processor's matrix units begin with: vectors stand in for them where there are none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest

from probe.models import linear, streaming
from probe.models.compiled import on_units
from probe.models.head import MatrixUnits
from probe.models.linear import LinearUnits

T = TypeVar("T")


def needed(found: T | None) -> T:
    if found is None:
        pytest.skip("this processor multiplies no bfloat16 in AVX-512, or there is no compiler that knows it")
    return found


@contextmanager
def heads() -> Iterator[MatrixUnits]:
    """Lets heads of every dtype go there, those of float32 too, for which vectors are not the fastest way."""
    units = MatrixUnits(needed(on_units("head")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "matrix_units", lambda: units)
        yield units


@contextmanager
def layers() -> Iterator[LinearUnits]:
    """The same of float32 layers."""
    units = LinearUnits(needed(on_units("linear")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linear, "linear_units", lambda: units)
        yield units
