"""Texts that are no copies of each other, and ledgers on a real file."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from probe.reporting.ledger import Ledger
from probe.scans.database import Database
from probe.types import Text

WORDS = [
    first + second for first in "ba ke li mo nu ra so ti vu zy".split() for second in "dor fen gim kal pas".split()
]
Many = Callable[..., list[Text]]


@pytest.fixture
def many() -> Many:
    """Makes texts of 20 words; other seeds, other texts."""

    def make(count: int, seed: int = 0) -> list[Text]:
        dice = random.Random(seed)
        return [Text(" ".join(dice.choices(WORDS, k=20))) for _ in range(count)]

    return make


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "ledger.sqlite", durable=True)
    yield opened
    opened.close()


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database, Decimal(3))
