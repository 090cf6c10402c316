"""Figures for Prometheus: what requests, jobs and the cache move, and what a service for groups does not tell."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from probe import open_probe
from probe.config import Settings
from probe.errors import StoreError
from probe.pipeline import Probe
from server.app import create_app
from server.operation.lately import Lately
from tests.server.test_aggregates import passages
from tests.serving import local

TEXT = "The value must be given before the first call, or an error is raised by the function."
Labels = frozenset[tuple[str, str]]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    settings = Settings(home=tmp_path, cache_bytes=1 << 20)
    with local(create_app(settings, lambda _: {"demo": open_probe(settings=settings)})) as opened:
        yield opened


class Figures:
    """One answer of /metrics."""

    def __init__(self, client: TestClient) -> None:
        answer = client.get("/metrics")
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain")
        self._samples = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]

    def __call__(self, name: str, **labels: str) -> float | None:
        """Returns a figure, summed over labels that are not named; None where there is none."""
        found = [s.value for s in self._samples if s.name == name and labels.items() <= s.labels.items()]
        return sum(found) if found else None

    @property
    def names(self) -> set[str]:
        return {sample.name for sample in self._samples}


def ask(client: TestClient, *texts: str) -> int:
    answer = client.post("/v1/probe", json={"model": "demo", "input": list(texts)})
    return int(answer.json()["usage"]["tokens"])


def test_requests_are_counted_by_route_and_status(client: TestClient) -> None:
    ask(client, TEXT)
    client.post("/v1/probe", json={"model": "other", "input": TEXT})
    client.get("/v1/batches/one"), client.get("/v1/batches/two"), client.get("/my-own-words")
    found = Figures(client)
    assert found("memprobe_requests_total", route="/v1/probe", method="POST", status="200") == 1
    assert found("memprobe_requests_total", route="/v1/probe", status="404") == 1
    assert found("memprobe_requests_total", route="/v1/batches/{name}", status="404") == 2
    assert found("memprobe_requests_total", route="none", status="404") == 1
    assert found("memprobe_request_seconds_count", route="/v1/probe") == 2
    assert (found("memprobe_request_seconds_sum", route="/v1/probe") or 0) > 0
    assert Figures(client)("memprobe_requests_total", route="/metrics", status="200") == 1


def test_tokens_passes_verdicts_and_the_cache(client: TestClient) -> None:
    tokens = ask(client, TEXT, "")
    found = Figures(client)
    read = found("memprobe_tokens_total", work="request")
    assert read is not None and read >= 3 * tokens  # the target reads the text and a copy, the reference the text
    assert found("memprobe_pass_tokens_sum") == read and found("memprobe_pass_requests_sum") == 1
    assert (found("memprobe_pass_seconds_count"), found("memprobe_pass_tokens_count")) == (1, 1)
    calls = ("member", "not_member", "inconclusive", "out_of_distribution")
    assert sum(found("memprobe_verdicts_total", call=call) or 0 for call in calls) == 1
    assert found("memprobe_verdicts_total", call="error") == 1
    misses = found("memprobe_cache_texts_total", found="miss")
    assert misses and found("memprobe_cache_texts_total", found="hit") == 0
    ask(client, TEXT)
    found = Figures(client)
    assert found("memprobe_cache_texts_total", found="hit") == misses
    assert found("memprobe_cache_texts_total", found="miss") == misses


def test_jobs_scans_and_the_queue(client: TestClient) -> None:
    found = Figures(client)
    assert (found("memprobe_queue_requests"), found("memprobe_queue_limit"), found("memprobe_ready")) == (0, 64, 1)
    assert found("memprobe_jobs") is None and found("memprobe_scans") is None
    body = {"model": "demo", "members": [TEXT], "nonmembers": ["Another text of a few words that stands for itself."]}
    made = client.post("/v1/evaluations", json=body).json()["id"]
    desk = client.app.state.service.desk  # type: ignore[attr-defined]
    scan = desk.ledger.create({"place": "nowhere.jsonl", "name": "x", "file": None}, "another model", {}, {})
    desk.ledger.pause(scan.id, True)
    for _ in range(600):
        if client.get(f"/v1/evaluations/{made}").json()["status"] not in ("queued", "running"):
            break
        time.sleep(0.1)
    found = Figures(client)
    assert found("memprobe_jobs", kind="evaluation") == 1 and (found("memprobe_tokens_total", work="job") or 0) > 0
    assert found("memprobe_scans", status="paused") == 1


def test_a_service_for_groups_counts_nothing_that_follows_from_texts(demo: Probe, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, reporting="aggregate", cohort=10)
    with local(create_app(settings, lambda _: {"demo": demo})) as client:
        assert client.post("/v1/aggregates", json={"model": "demo", "input": passages(12)}).status_code == 200
        found = Figures(client)
        assert found("memprobe_requests_total", route="/v1/aggregates", status="200") == 1
        assert not [n for n in found.names if any(word in n for word in ("verdict", "token", "cache", "pass"))]


def test_a_question_that_is_not_answered_in_time_is_asked_once_only() -> None:
    go, asked = threading.Event(), list[int]()

    def ask() -> int:
        asked.append(1)
        assert go.wait(60)
        return len(asked)

    lately = Lately(ask, 0.05)
    assert lately() is None and lately() is None and asked == [1]
    go.set()
    assert eventually(lately, 1) and eventually(lately, 3)


def test_a_database_that_is_away_has_no_answer() -> None:
    def ask() -> int:
        raise StoreError("The database cannot be used.")

    assert Lately(ask, 60)() is None


def eventually(lately: Lately[int], least: int) -> bool:
    return any((lately() or 0) >= least or time.sleep(0.01) for _ in range(1000))
