"""The ledger of reports on PostgreSQL: several at once share no text, and spend no more than there is."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from probe.errors import Overlap, Spent
from probe.reporting.cohort import gather
from probe.reporting.ledger import Asked, Ledger
from probe.types import Text
from tests.system.scans.conftest import Postgres
from tests.system.scans.helper import database_at

AT_ONCE = 4


@pytest.fixture
def ledgers(postgres: Postgres) -> Iterator[list[Ledger]]:
    """As many services on one database."""
    url = postgres.database()
    with ExitStack() as stack:
        yield [Ledger(stack.enter_context(database_at(url)), Decimal(8)) for _ in range(AT_ONCE)]


def asked(*names: str, target: str = "t") -> Asked:
    return Asked(gather([Text(" ".join(f"{name}x{i}" for i in range(20))) for name in names]), target, "", Decimal(1))


def outcomes(ledgers: list[Ledger], cohorts: list[Asked]) -> list[str | dict[str, Any]]:
    """What each is told, all asked at the same time."""
    numbers = count()

    def ask(ledger: Ledger, cohort: Asked) -> str | dict[str, Any]:
        try:
            return ledger.settle(cohort, lambda left: {"left": left, "number": next(numbers)})
        except (Overlap, Spent) as error:
            return type(error).__name__

    with ThreadPoolExecutor(len(cohorts)) as pool:
        return list(pool.map(ask, ledgers * len(cohorts), cohorts))


def test_of_those_that_share_a_text_one_wins(ledgers: list[Ledger]) -> None:
    for round_ in range(5):
        found = outcomes(ledgers, [asked(f"common{round_}", f"own{round_}n{i}") for i in range(AT_ONCE)])
        assert sorted(map(str, found))[:3] == ["Overlap"] * 3 and sum(isinstance(one, dict) for one in found) == 1


def test_together_they_do_not_overspend(ledgers: list[Ledger]) -> None:
    found = outcomes(ledgers, [asked(f"n{i}") for i in range(12)])
    told = [one["left"] for one in found if isinstance(one, dict)]
    assert sorted(told) == list(range(8)) and found.count("Spent") == 4
    assert isinstance(outcomes(ledgers, [asked("other", target="u")])[0], dict)


def test_the_same_cohort_has_one_answer_and_it_stays(ledgers: list[Ledger], postgres: Postgres) -> None:
    found = outcomes(ledgers, [asked("a", "b")] * AT_ONCE)
    assert isinstance(found[0], dict) and found == [found[0]] * AT_ONCE
    postgres.stop()
    postgres.start()
    assert ledgers[1].earlier(asked("b", "a")) == found[0]
