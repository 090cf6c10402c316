"""What was reported on, and what that cost: checked, spent and stored in one transaction, whoever else is asking.

budget >= sum of the prices of all reports on a target, in case a copy in another cohort went unnoticed (sequential)
budget >= sum of the prices of all reports on a cohort, whatever the target and calibration
A text is in one cohort at most, so that reports on others cost it nothing (parallel composition, McSherry 2009).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, func, select, text

from probe.data.traces import Trace, any_alike
from probe.errors import Overlap, Spent
from probe.reporting.cohort import Cohort
from probe.scans.database import Database
from probe.scans.tables import REPORTED, REPORTS

Answer = dict[str, Any]
_UNIT = 1_000_000  # prices are whole millionths of epsilon: their sums must be exact


@dataclass(frozen=True, slots=True)
class Asked:
    """A cohort, by which target and calibration (sha256:..., "" for none) to score it, and what epsilon that costs."""

    cohort: Cohort
    target: str
    calibration: str
    price: Decimal


class Ledger:
    """The reports of all services that share a database. owner: who asks; what anybody was told counts for all."""

    def __init__(self, database: Database, budget: Decimal, owner: str = "default") -> None:
        """budget: epsilon, see above."""
        self._database, self._budget, self._owner = database, math.floor(budget * _UNIT), owner

    def earlier(self, asked: Asked) -> Answer | None:
        """Returns the answer that was given already, None where one can still be paid for. Raises Spent.

        Overlap is for `settle` to tell: whoever asks must have brought a whole cohort by then.
        """

        def work(connection: Connection) -> Answer | None:
            found = _told(connection, asked)
            if found is None:
                self._left(connection, asked)
            return found

        return self._database.read(work)

    def settle(self, asked: Asked, make: Callable[[float], Answer]) -> Answer:
        """Returns the answer of `make`, paid for and stored by then, or the one that somebody was given meanwhile.

        make: epsilon left -> answer; draws the noise, so only what may be told is ever drawn. Raises Spent, Overlap.
        """

        def work(connection: Connection) -> Answer:
            _lock(connection)
            found = _told(connection, asked)
            if found is not None:
                return found
            left = self._left(connection, asked)  # asked first: no text is told of that is not paid for
            _refuse_overlap(connection, asked.cohort)
            answer = make(left / _UNIT)
            self._store(connection, asked, answer)
            return answer

        return self._database.run(work)

    def _left(self, connection: Connection, asked: Asked) -> int:
        """Returns the millionths that the report leaves. Raises Spent."""
        spent = max(_spent(connection, place) for place in _accounts(asked))
        left = self._budget - spent - _units(asked.price)
        if left < 0:
            raise Spent(
                f"The privacy budget of epsilon {self._budget / _UNIT:g} is spent for this model or these texts. "
                "Cohorts that were reported on get the same answer again; a larger budget is the operator's to give "
                "(MEMPROBE_BUDGET).", "input",
            )  # fmt: skip
        return left

    def _store(self, connection: Connection, asked: Asked, answer: Answer) -> None:
        cohort, own = asked.cohort, {"cohort": asked.cohort.key, "owner": self._owner}
        known = select(REPORTED.c.number).where(REPORTED.c.cohort == cohort.key).limit(1)
        if connection.execute(known).first() is None:
            rows = [{**own, "number": i, "size": one.size, "runs": _packed(one)} for i, one in enumerate(cohort.traces)]
            connection.execute(REPORTED.insert(), rows)
        row = {**own, "target": asked.target, "calibration": asked.calibration, "price": _units(asked.price)}
        connection.execute(REPORTS.insert().values(**row, created=int(time.time()), answer=answer))


def _lock(connection: Connection) -> None:
    """Keeps other reports waiting until this transaction ends; SQLite does so anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(7236532)"))


def _refuse_overlap(connection: Connection, cohort: Cohort) -> None:
    """Raises Overlap."""
    query = select(REPORTED.c.size, REPORTED.c.runs).where(REPORTED.c.cohort != cohort.key)
    others = [Trace(size, np.frombuffer(runs, dtype="<u4")) for size, runs in connection.execute(query)]
    if any_alike(others, cohort.traces):
        raise Overlap(
            "Some texts, or near-copies of them, were reported on before, in another cohort; which is not told. Send "
            "that very cohort again for the same answer, or a cohort of other texts.", "input",
        )  # fmt: skip


def _told(connection: Connection, asked: Asked) -> Answer | None:
    target, cohort = _accounts(asked)
    query = select(REPORTS.c.answer).where(target, cohort, REPORTS.c.calibration == asked.calibration)
    found: Answer | None = connection.execute(query).scalar()
    return found


def _accounts(asked: Asked) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Returns the reports on the same target, and those on the same cohort."""
    return REPORTS.c.target == asked.target, REPORTS.c.cohort == asked.cohort.key


def _spent(connection: Connection, account: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.coalesce(func.sum(REPORTS.c.price), 0)).where(account)).scalar_one())


def _units(price: Decimal) -> int:
    return math.ceil(price * _UNIT)


def _packed(one: Trace) -> bytes:
    return one.runs.astype("<u4").tobytes()
