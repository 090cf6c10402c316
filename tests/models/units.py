"""What tests on a processor's matrix units begin with."""

from __future__ import annotations

from typing import TypeVar

import pytest

T = TypeVar("T")


def needed(found: T | None) -> T:
    if found is None:
        pytest.skip("this processor has no matrix units, or there is no compiler that knows them")
    return found
