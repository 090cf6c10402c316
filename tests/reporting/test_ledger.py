"""No text in two cohorts, no epsilon over the budget, whoever asks at once; on SQLite (PostgreSQL in tests/system)."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from probe.errors import Overlap, Spent, StoreError
from probe.reporting.cohort import gather
from probe.reporting.ledger import Asked, Ledger
from probe.scans.database import Database
from probe.types import Text
from tests.reporting.conftest import Many

_NUMBERS = count()


def asked(texts: list[Text], target: str = "t", calibration: str = "c", price: str = "1") -> Asked:
    return Asked(gather(texts), target, calibration, Decimal(price))


def numbered(left: float) -> dict[str, Any]:
    """An answer that no other is like."""
    return {"number": next(_NUMBERS), "left": left}


def test_the_same_cohort_gets_the_same_answer_for_nothing(ledger: Ledger, many: Many) -> None:
    texts = many(5)
    assert ledger.earlier(asked(texts)) is None
    first = ledger.settle(asked(texts), numbered)
    assert first["left"] == 2
    for _ in range(5):
        assert ledger.settle(asked(texts[::-1]), numbered) == ledger.earlier(asked(texts)) == first


def test_a_text_is_in_one_cohort_only_whatever_the_target(ledger: Ledger, many: Many) -> None:
    texts, others = many(5), many(5, seed=1)
    ledger.settle(asked(texts), numbered)
    near = Text("So it says: " + " ".join(texts[0].text.split()[4:18]))
    for bad in ([*texts, *others], texts[1:], [*others, texts[2]], [*others, near]):
        for target in ("t", "another"):
            with pytest.raises(Overlap, match="which is not told"):
                ledger.settle(asked(bad, target), numbered)
    assert ledger.settle(asked(others), numbered)["left"] == 1


def test_a_target_has_one_budget(ledger: Ledger, many: Many) -> None:
    for seed in range(3):
        assert ledger.settle(asked(many(5, seed)), numbered)["left"] == 2 - seed
    with pytest.raises(Spent, match="epsilon 3 is spent"):
        ledger.earlier(asked(many(5, seed=3)))
    with pytest.raises(Spent):
        ledger.settle(asked([*many(5, seed=3), *many(1)]), numbered)  # not even that it overlaps is told for nothing
    assert ledger.settle(asked(many(5, seed=3), "another"), numbered)["left"] == 2
    assert ledger.earlier(asked(many(5)))  # what was told is told again


def test_a_cohort_has_one_budget_over_targets_and_calibrations(ledger: Ledger, many: Many) -> None:
    texts = many(5)
    answers = [
        ledger.settle(asked(texts, target, calibration), numbered)
        for target, calibration in (("t", "c"), ("t", "d"), ("u", "c"))
    ]
    assert [answer["left"] for answer in answers] == [2, 1, 0] and len({one["number"] for one in answers}) == 3
    with pytest.raises(Spent):
        ledger.settle(asked(texts, "v", "c"), numbered)
    assert ledger.settle(asked(many(5, seed=1), "v"), numbered)["left"] == 2


def test_prices_add_up_exactly(database: Database, many: Many) -> None:
    ledger = Ledger(database, Decimal("1"))
    for seed in range(10):  # ten times .1 in floats is less than 1
        ledger.settle(asked(many(2, seed), price="0.1"), numbered)
    with pytest.raises(Spent):
        ledger.settle(asked(many(2, seed=10), price="0.000001"), numbered)
    dear = Ledger(database, Decimal("1"))
    with pytest.raises(Spent):
        dear.settle(asked(many(2, seed=11), "another", price="1.0000000001"), numbered)


def test_what_fails_costs_nothing_and_tells_nothing(ledger: Ledger, many: Many) -> None:
    def fails(left: float) -> dict[str, Any]:
        raise StoreError("gone")

    with pytest.raises(StoreError):
        ledger.settle(asked(many(5)), fails)
    assert ledger.settle(asked(many(6)), numbered)["left"] == 2


def test_of_two_that_share_a_text_at_once_one_wins(database: Database, tmp_path: Path, many: Many) -> None:
    for round_ in range(10):
        common = many(1, seed=100 + round_)

        def one(which: int, common: list[Text] = common, round_: int = round_) -> str:
            own = Ledger(Database(tmp_path / "ledger.sqlite"), Decimal(100))
            try:
                own.settle(asked([*common, *many(4, seed=1000 + 10 * round_ + which)]), numbered)
            except Overlap:
                return "overlap"
            return "told"

        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(one, range(4))) == ["overlap"] * 3 + ["told"]


def test_the_same_cohort_asked_for_at_once_has_one_answer(ledger: Ledger, many: Many) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ledger.settle(asked(many(5)), numbered), range(16)))
    assert len({answer["number"] for answer in answers}) == 1 and answers[0]["left"] == 2


CODE = """
import sys
from decimal import Decimal
from probe.errors import Spent
from probe.reporting.cohort import gather
from probe.reporting.ledger import Asked, Ledger
from probe.scans.database import Database
from probe.types import Text

ledger, told = Ledger(Database(sys.argv[1]), Decimal(3)), 0
for number in range(6):
    text = Text(" ".join(f"{sys.argv[2]}n{number}w{i}" for i in range(20)))
    try:
        ledger.settle(Asked(gather([text]), "t", "", Decimal(1)), lambda left: {"left": left})
        told += 1
    except Spent:
        pass
print(told)
"""


def test_processes_together_do_not_overspend(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    begun = [
        subprocess.Popen([sys.executable, "-c", CODE, url, f"p{i}"], stdout=subprocess.PIPE, text=True)
        for i in range(3)
    ]
    assert sum(int(process.communicate(timeout=120)[0]) for process in begun) == 3


def test_all_is_remembered_by_another_process(tmp_path: Path, many: Many) -> None:
    first = Ledger(Database(tmp_path / "l.sqlite", durable=True), Decimal(2)).settle(asked(many(5)), numbered)
    ledger = Ledger(Database(tmp_path / "l.sqlite", durable=True), Decimal(2))
    assert json.dumps(ledger.earlier(asked(many(5)))) == json.dumps(first)
    with pytest.raises(Overlap):
        ledger.settle(asked(many(6)), numbered)
    ledger.settle(asked(many(5, seed=1)), numbered)
    with pytest.raises(Spent):
        ledger.settle(asked(many(5, seed=2)), numbered)


def test_no_text_is_kept(tmp_path: Path) -> None:
    database = Database(tmp_path / "l.sqlite")
    texts = [Text(f"zyzzyva{i} " + " ".join(f"quokka{i}x{j}" for j in range(20))) for i in range(5)]
    Ledger(database, Decimal(2)).settle(asked(texts), numbered)
    database.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"reported" in kept and b"zyzzyva" not in kept and b"quokka" not in kept
