"""Whose job runs next, and how many somebody may have."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from probe.errors import Busy
from probe.measure import Progress
from server.work.jobs import MOST_KEPT, MOST_OWN, MOST_WAITING, Jobs

Work = Callable[[Progress], object]


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    found = Jobs()
    yield found
    assert found.stop()


@pytest.fixture
def gate(jobs: Jobs) -> Iterator[threading.Event]:
    """One of somebody's jobs runs until this is set."""
    goes_on, began = threading.Event(), threading.Event()

    def work(progress: Progress) -> None:
        began.set()
        goes_on.wait(20)

    jobs.start("pii", "n", "zoe", work)
    assert began.wait(20)
    yield goes_on
    goes_on.set()


def over(jobs: Jobs) -> None:
    for _ in range(400):
        if all(job.over for job in jobs.all()):
            return
        time.sleep(0.05)
    raise AssertionError("they do not end")


def test_an_owner_s_jobs_take_nobody_else_s_places(jobs: Jobs, gate: threading.Event) -> None:
    own = [jobs.start("pii", "n", "alice", print) for _ in range(MOST_OWN)]
    with pytest.raises(Busy, match=f"^{MOST_OWN} jobs of yours are waiting") as refused:
        jobs.start("calibration", "n", "alice", print)
    assert refused.value.retry_after > 0
    jobs.start("pii", "n", "bob", print)
    jobs.cancel(own[0])
    jobs.start("pii", "n", "alice", print)


def test_all_together_have_an_end_that_tells_of_nobody(jobs: Jobs, gate: threading.Event) -> None:
    for number in range(MOST_WAITING - 1):
        jobs.start("pii", "n", f"owner{number}", print)
    with pytest.raises(Busy) as refused:
        jobs.start("pii", "n", "bob", print)
    assert not any(letter.isdigit() for letter in str(refused.value))


def test_owners_take_turns(jobs: Jobs, gate: threading.Event) -> None:
    ran: list[str] = []

    def named(name: str) -> Work:
        return lambda progress: ran.append(name)

    begun = {name: jobs.start("pii", "n", name[0], named(name)) for name in ("a1", "a2", "a3", "a4", "b1", "b2", "c1")}
    jobs.cancel(begun["a2"])
    gate.set()
    over(jobs)
    assert ran == ["a1", "b1", "c1", "a3", "b2", "a4"]


def test_an_owner_s_jobs_push_nobody_else_s_out(jobs: Jobs) -> None:
    kept = jobs.start("pii", "n", "bob", lambda progress: "found")
    over(jobs)
    for _ in range(MOST_KEPT + 9):
        jobs.start("pii", "n", "alice", lambda progress: None)
        over(jobs)
    assert jobs.find("pii", kept.id, "bob").result == "found"
    assert len(jobs.of_kind("pii", "alice")) <= MOST_KEPT + 1
