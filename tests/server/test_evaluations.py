"""Evaluations over HTTP: figures and a page at the end of a job, the same as the library's."""

from __future__ import annotations

import time
from typing import Any
from xml.etree import ElementTree

import pytest
from starlette.testclient import TestClient

from probe.audit.evaluate import evaluate
from probe.audit.files import as_dict
from probe.audit.labelled import Entry, distinct
from probe.pipeline import Probe
from probe.types import Text
from tests.server.test_calibrations import MEMBERS, OTHERS, client

__all__ = ["client"]  # the fixture: a service of its own for each test
SEEDS = [-1, 1 << 32, 1.5, True, "0"]
BODY = {"model": "demo", "members": MEMBERS[:30], "nonmembers": [*OTHERS[:29], ""], "scores": ["loss", "ref"]}


def finished(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.post("/v1/evaluations", json=BODY | body)
    assert answer.status_code == 202, answer.text
    name = answer.json()["id"]
    for _ in range(600):
        found: dict[str, Any] = client.get(f"/v1/evaluations/{name}").json()
        if found["status"] not in ("queued", "running"):
            return found
        time.sleep(0.1)
    raise AssertionError("it takes too long")


def test_the_figures_are_the_librarys(client: TestClient, demo: Probe) -> None:
    found = finished(client)
    assert found["status"] == "completed" and found["progress"] == {"done": 60, "total": 60}
    texts = [(text, True) for text in BODY["members"]] + [(text, False) for text in BODY["nonmembers"]]
    direct = evaluate(demo, distinct([Entry(Text(text), member) for text, member in texts]), scores=["loss", "ref"])
    expected = as_dict(direct)
    assert found["evaluation"]["scores"]["loss"]["auc"] == pytest.approx(expected["scores"]["loss"]["auc"])
    assert len(found["evaluation"]["unscored"]) == 1
    page = client.get(f"/v1/evaluations/{found['id']}/report")
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    assert "<svg" in page.text or "data:image" in page.text
    named = {one["name"]: one for one in found["pictures"]}
    assert set(named) == {"roc", "histogram", "correlation"} and "AUC" in named["roc"]["description"]
    for name, one in named.items():
        drawn = client.get(f"/v1/evaluations/{found['id']}/pictures/{name}")
        assert (
            drawn.headers["content-type"] == "image/svg+xml" and "sandbox" in drawn.headers["content-security-policy"]
        )
        assert one["title"] in drawn.text and ElementTree.fromstring(drawn.text).tag.endswith("svg")
    absent = client.get(f"/v1/evaluations/{found['id']}/pictures/det")
    assert absent.status_code == 404 and "roc" in absent.json()["error"]["message"]
    listed = client.get("/v1/evaluations").json()["data"]
    assert [entry["id"] for entry in listed] == [found["id"]] and listed[0]["evaluation"] is None
    assert client.get("/v1/evaluations/demo").status_code == 404  # that is the model's name, and no evaluation's
    assert client.delete("/v1/evaluations/demo").status_code == 404
    assert client.delete(f"/v1/evaluations/{found['id']}").json()["deleted"]
    assert client.get(f"/v1/evaluations/{found['id']}").status_code == 404


def test_a_report_is_there_when_the_evaluation_is(client: TestClient) -> None:
    many = [f"{text} Once more, with number {i} in it." for i in range(20) for text in OTHERS]
    name = client.post("/v1/evaluations", json=BODY | {"nonmembers": many}).json()["id"]
    for part in ("report", "pictures/roc"):
        early = client.get(f"/v1/evaluations/{name}/{part}")
        assert early.status_code == 422 and "when it is completed" in early.json()["error"]["message"]
    assert client.post(f"/v1/evaluations/{name}/cancel").status_code == 200


@pytest.mark.parametrize(
    ("members", "nonmembers", "counts"),
    [
        ([], OTHERS[:3], "0 and 3"),
        (MEMBERS[:3], [], "3 and 0"),
        ([], [], "0 and 0"),
        (MEMBERS[:2], MEMBERS[:2], "0 and 0"),
    ],
)
def test_one_kind_alone_is_refused_at_once(
    client: TestClient, members: list[str], nonmembers: list[str], counts: str
) -> None:
    answer = client.post("/v1/evaluations", json=BODY | {"members": members, "nonmembers": nonmembers})
    said = answer.json()["error"]["message"]
    assert answer.status_code == 422 and f"there are {counts}." in said and '"nonmembers"' in said
    assert ("nonmembers[0]: labelled otherwise" in said) is (members == nonmembers != [])
    assert client.get("/v1/evaluations").json()["data"] == []


@pytest.mark.parametrize("body", [{"model": "none"}, {"scores": ["typo"]}, {"members": 3}, {"calibration": "none"}])
def test_bad_requests(client: TestClient, body: dict[str, Any]) -> None:
    assert client.post("/v1/evaluations", json=BODY | body).status_code in (404, 422)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_that_no_generator_takes_is_refused_at_once(client: TestClient, seed: Any) -> None:
    answer = client.post("/v1/evaluations", json=BODY | {"seed": seed})
    assert answer.status_code == 422 and answer.json()["error"]["param"] == "seed"
