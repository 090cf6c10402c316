"""A small part of `make test-hostile`, by the same seed each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.api import attack
from tests.hostile.fuzz import fuzz
from tests.hostile.spoken import TARGETS

SEED = 20


def test_the_service_answers_as_its_schema_says(tmp_path: Path) -> None:
    """Every operation by its bounds and beyond; what follows from what, and chance, are left to the command."""
    found = attack(tmp_path, SEED, 1, 60, ("examples", "coverage"), keyed=True)
    assert not found.findings, found.told
    assert found.cases > 500 and found.operations > 40


@pytest.mark.parametrize("target", TARGETS)
def test_what_strangers_send_is_read_or_refused(target: str, tmp_path: Path) -> None:
    found = fuzz(target, 100, SEED, tmp_path)
    assert not found.findings, found.findings[0]
    assert found.ran >= 100
