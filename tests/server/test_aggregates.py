"""A service that reports on groups only: what it answers, and that nothing else of it tells of a text."""

from __future__ import annotations

import json
import logging
import random
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient, WebSocketDenialResponse

from probe.config import Settings
from probe.pipeline import Probe
from server.app import create_app
from server.reporting import GROUPS, NO_TEXTS
from tests.serving import local, servers

TELLS_OF_TEXTS = {
    "POST /v1/probe",
    *("POST /v1/files", "GET /v1/files", "GET /v1/files/{name}", "DELETE /v1/files/{name}"),
    "GET /v1/files/{name}/content",
    *("POST /v1/batches", "GET /v1/batches", "GET /v1/batches/{name}", "DELETE /v1/batches/{name}"),
    *(f"POST /v1/batches/{{name}}/{act}" for act in ("cancel", "pause", "resume")),
    *(f"GET /v1/batches/{{name}}/{what}" for what in ("summary", "parts", "parts/{number}", "events")),
    *(f"{method} /v1/calibrations/{{name}}" for method in ("GET", "PUT", "DELETE")),
    *("POST /v1/calibrations", "GET /v1/calibrations"),  # thresholds and findings, without noise
    *("POST /v1/calibrations/{name}/cancel", "GET /v1/calibrations/{name}/export"),
    *(f"{method} /v1/evaluations/{{name}}" for method in ("GET", "DELETE")),
    *("POST /v1/evaluations", "GET /v1/evaluations"),
    *("POST /v1/evaluations/{name}/cancel", "GET /v1/evaluations/{name}/report"),
    "GET /v1/evaluations/{name}/pictures/{picture}",
    *("POST /v1/documents", "GET /v1/documents", "GET /v1/documents/{name}", "DELETE /v1/documents/{name}"),
    *(f"GET /v1/documents/{{name}}/{what}" for what in ("text", "report")),
    *("POST /v1/documents/{name}/cancel", "POST /v1/pii/{name}/cancel"),
    "POST /v1/documents/{name}/passages/{number}/continuation",
    "GET /",  # the page asks what is refused
    *("GET /v1/pii/{name}/report", "GET /v1/pii/{name}/csv"),
    *("POST /v1/pii", "GET /v1/pii", "GET /v1/pii/{name}", "DELETE /v1/pii/{name}"),
}
WORDS = "the value must be given before a call returns and no handler of this queue reads more than one line".split()


def passages(count: int, seed: int = 0) -> list[str]:
    dice = random.Random(seed)
    return [" ".join(dice.choices(WORDS, k=18)) for _ in range(count)]


@pytest.fixture
def app(demo: Probe, tmp_path: Path) -> FastAPI:
    settings = Settings(home=tmp_path, reporting="aggregate", cohort=10, budget=2, max_texts=60)
    return create_app(settings, lambda _: {"demo": demo})


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with local(app, raised=False) as opened:
        yield opened


def refusal(client: TestClient, texts: list[Any], **more: Any) -> tuple[int, str, str]:
    answer = client.post("/v1/aggregates", json={"model": "demo", "input": texts, **more})
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"]


def test_the_pinned_shape(client: TestClient) -> None:
    texts = passages(20)
    answer = client.post("/v1/aggregates", json={"model": "demo", "input": [*texts, {"id": "a", "text": texts[0]}, ""]})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["id"].startswith("aggregate-") and found["object"] == "aggregate"
    assert (found["model"], found["calibration"]) == ("demo", "demo") and found["target"].startswith("sha256:")
    assert found["texts"] == {"given": 22, "counted": 20, "copies": 1, "left_out": 1}
    assert found["epsilon"] == {"spent": 1, "left": 1} and found["warnings"] == []
    assert list(found["statistics"]) == ["loss", "member_share"]
    for one, width in zip(found["statistics"].values(), (10, 1), strict=True):
        assert set(one) == {"value", "scale", "interval", "clip", "epsilon"}
        assert one["clip"] == [0, width] and one["epsilon"] == 0.5
        assert one["scale"] == pytest.approx(width / (20 * 0.5))
        assert one["interval"][0] < one["value"] < one["interval"][1]
    again = client.post("/v1/aggregates", json={"model": "demo", "input": ["", *texts[::-1]]})
    assert again.json() == found


def test_refusals_name_the_remedy(client: TestClient) -> None:
    texts = passages(12)
    assert client.post("/v1/aggregates", json={"model": "demo", "input": texts}).status_code == 200
    status, code, said = refusal(client, [*passages(12, seed=1), texts[5]])
    assert (status, code) == (409, "cohort_overlap") and "which is not told" in said
    assert not any(text in said for text in texts)
    status, code, said = refusal(client, passages(9, seed=2))
    assert (status, code) == (422, "invalid_value") and "10 at least" in said
    status, code, said = refusal(client, passages(61, seed=2))
    assert (status, code) == (422, "invalid_value") and "at most 60" in said
    assert refusal(client, passages(12, seed=2), model="none")[:2] == (404, "not_found")
    assert refusal(client, passages(12, seed=2), alpha=0.1)[:2] == (422, "invalid_value")
    assert client.post("/v1/aggregates", json={"model": "demo", "input": passages(12, seed=1)}).status_code == 200
    status, code, said = refusal(client, passages(12, seed=2))
    assert (status, code) == (403, "budget_spent") and "MEMPROBE_BUDGET" in said


def test_every_route_is_known_to_tell_of_texts_or_not(app: FastAPI) -> None:
    found = {
        f"{method} {route.path}"
        for route in app.routes
        for method in (getattr(route, "methods", None) or {"ANY"}) - {"HEAD"}
    }
    assert found == NO_TEXTS | {GROUPS} | TELLS_OF_TEXTS


@pytest.mark.parametrize("route", sorted(TELLS_OF_TEXTS))
def test_what_tells_of_texts_is_refused(client: TestClient, route: str) -> None:
    method, path = route.split()
    answer = client.request(method, path.replace("{name}", "demo").replace("{number}", "0"), content=b"{")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (403, "groups_only")
    assert "POST /v1/aggregates" in error["message"] and "MEMPROBE_REPORTING=texts" in error["message"]


def test_a_route_that_is_added_later_is_refused_until_it_is_listed(app: FastAPI) -> None:
    app.get("/v1/later")(lambda: "a score")
    app.mount("/mounted", FastAPI())
    app.websocket("/v1/live")(lambda socket: socket.accept())
    with local(app) as client:
        assert client.get("/v1/later").status_code == client.get("/mounted/x").status_code == 403
        assert client.head("/v1/later").status_code == 405
        with pytest.raises(WebSocketDenialResponse) as denial, client.websocket_connect("/v1/live"):
            pass
        assert denial.value.status_code == 403


def test_what_tells_of_no_text_is_answered(client: TestClient) -> None:
    for route in NO_TEXTS:
        method, path = route.split()
        assert client.request(method, path.replace("{name}", "docs.js")).status_code < 300, route
    assert client.head("/docs").status_code == 200
    assert client.get("/v1/nothing").status_code == 404 and client.get("/v1/aggregates").status_code == 405
    assert client.app.state.service.scanning is None  # type: ignore[attr-defined]


def test_a_service_that_tells_of_texts_reports_on_no_group(demo: Probe, tmp_path: Path) -> None:
    with local(create_app(Settings(home=tmp_path), lambda _: {"demo": demo})) as client:
        status, code, said = refusal(client, passages(60))
        assert (status, code) == (403, "texts_only") and "MEMPROBE_REPORTING=aggregate" in said
        assert client.get("/v1/calibrations").status_code == 200


def test_no_text_in_logs(
    client: TestClient, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    texts = [f"{text} zyzzyva-marker" for text in passages(12)]
    with caplog.at_level(logging.DEBUG):
        assert client.post("/v1/aggregates", json={"model": "demo", "input": texts}).status_code == 200
        refusal(client, texts[1:])
        refusal(client, texts[:3])
    assert "zyzzyva" not in caplog.text and "zyzzyva" not in "".join(capfd.readouterr())


def test_clients_at_once_do_not_overspend(app: FastAPI) -> None:
    """A real server on a socket: six cohorts, each sent twice, and epsilon for two of them."""

    def post(address: str, texts: list[str]) -> tuple[int, str]:
        body = json.dumps({"model": "demo", "input": texts}).encode()
        try:
            with urlopen(Request(f"{address}/aggregates", body, {"content-type": "application/json"})) as answer:
                return answer.status, json.load(answer)["id"]
        except HTTPError as error:
            with error:
                return error.code, json.load(error)["error"]["code"]

    with servers() as start, ThreadPoolExecutor(6) as pool:
        address = start(app).address
        found = list(pool.map(lambda i: post(address, passages(12, seed=i % 6)), range(12)))
    told = {name for status, name in found if status == 200}
    assert len(told) == 2 and {one for one in found if one[0] != 200} == {(403, "budget_spent")}


def test_the_guide_shows_such_an_answer(client: TestClient) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guide.md").read_text()
    (block,) = (one for one in re.findall(r"```json\n(.*?)```", guide, re.DOTALL) if '"aggregate"' in one)
    shown, answer = json.loads(block), client.post("/v1/aggregates", json={"model": "demo", "input": passages(12)})
    found = answer.json()
    assert shapes(shown) == shapes(found)
    for one in shown["statistics"].values():
        assert one["scale"] == pytest.approx((one["clip"][1] - one["clip"][0]) / (shown["texts"]["counted"] * 0.5))
        assert one["interval"][1] - one["value"] == pytest.approx(3 * one["scale"], rel=0.02)  # ln 20 = 3.00


def shapes(value: object) -> object:
    return {name: shapes(one) for name, one in value.items()} if isinstance(value, dict) else type(value)
