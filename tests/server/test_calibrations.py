"""Calibrations over HTTP: made in the background, polled, used, exported, imported, cancelled, deleted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from probe.calibration.file import load
from probe.calibration.store import save
from probe.config import Settings
from probe.pipeline import Probe
from server.app import create_app
from tests.serving import local

KINDS = ("the lamp", "a reader", "this queue", "our index", "each thread", "no handler")
VERBS = ("opens", "closes", "returns", "ignores", "copies", "reports")
OTHERS = [
    f"When {kind} {verb} the {noun}, number {i} of the record is kept until somebody asks for it {i * i} times."
    for i, (kind, verb, noun) in enumerate((k, v, n) for k in KINDS for v in VERBS for n in ("file", "value", "name"))
]
MEMBERS = [text.replace("record", "buffer").replace("somebody", "a signal") for text in OTHERS[:60]]


@pytest.fixture
def client(demo: Probe, tmp_path: Path) -> Iterator[TestClient]:
    app = create_app(Settings(home=tmp_path), lambda _: {"demo": Probe.of(demo.setup, demo.calibration)})
    with local(app, raised=False) as opened:
        yield opened


def made(client: TestClient, name: str = "mine", **body: Any) -> dict[str, Any]:
    """Makes a calibration and waits for it."""
    asked = {"name": name, "model": "demo", "nonmembers": OTHERS, **body}
    answer = client.post("/v1/calibrations", json=asked)
    assert answer.status_code == 202, answer.text
    assert answer.json()["id"] == name and answer.json()["status"] in ("queued", "running", "completed")
    for _ in range(600):
        found: dict[str, Any] = client.get(f"/v1/calibrations/{name}").json()
        if found["status"] not in ("queued", "running"):
            return found
        time.sleep(0.1)
    raise AssertionError("it takes too long")


def test_one_is_made_and_used(client: TestClient) -> None:
    card = made(client, tuning=[{"text": text, "source": "a"} for text in MEMBERS])
    assert card["status"] == "completed" and card["nonmembers"] == len(OTHERS) and card["fits"] == ["demo"]
    assert card["gates"] == dict.fromkeys(["blind", "placebo", "split"], "untestable")
    assert card["findings"]["blind"].startswith("0 known members")
    assert card["power"].startswith(f"With {len(OTHERS)} known non-members the smallest FPR that can be claimed is 2.7")
    listed = client.get("/v1/calibrations").json()["data"]
    assert [entry["id"] for entry in listed] == ["demo", "demo-records", "mine"]
    asked = {"model": "demo", "calibration": "mine", "input": "A sentence that none of these texts has in common."}
    (result,) = client.post("/v1/probe", json=asked).json()["results"]
    assert result["claim"]["nonmembers"] == len(OTHERS) and result["evidence"] == "D"


def test_sources_and_the_split_gate(client: TestClient) -> None:
    entries = [{"id": str(i), "text": text, "source": "ab"[i % 2]} for i, text in enumerate(OTHERS)]
    assert made(client, nonmembers=entries)["gates"]["split"] in ("pass", "fail")


def test_the_target_is_no_placebo(client: TestClient) -> None:
    found = made(client, members=MEMBERS, placebo="demo")
    assert found["status"] == "failed"
    assert found["error"] == "The placebo is the target or the reference itself; name a third model."


def test_the_services_placebo_is_tried(client: TestClient) -> None:
    found = made(client, members=MEMBERS, placebo="sibling")
    assert "a model that saw none of the texts tells them apart with AUC" in found["findings"]["placebo"]


def test_one_that_fails_says_why_and_leaves_nothing(client: TestClient) -> None:
    found = made(client, nonmembers=OTHERS[:5])
    assert found["status"] == "failed" and found["error"].startswith("5 of 5 known non-members can be scored")
    assert [entry["id"] for entry in client.get("/v1/calibrations").json()["data"]] == ["demo", "demo-records", "mine"]
    assert made(client)["status"] == "completed"  # the name is free again


def test_export_and_import(client: TestClient) -> None:
    made(client)
    content = client.get("/v1/calibrations/mine/export").content
    answer = client.put("/v1/calibrations/theirs", content=content)
    assert answer.status_code == 201 and answer.json()["id"] == "theirs"
    both = {entry["id"]: entry for entry in client.get("/v1/calibrations").json()["data"]}
    same = {name: value for name, value in both["mine"].items() if name != "id"}
    assert same == {name: value for name, value in both["theirs"].items() if name != "id"}
    again = client.put("/v1/calibrations/theirs", content=content)
    assert again.status_code == 422 and "already" in again.json()["error"]["message"]


def test_what_is_asked_by_a_name_is_what_has_it_now(client: TestClient) -> None:
    """Another may have been made in the same second, or import with the same date."""
    card = made(client)
    asked = {"model": "demo", "calibration": "mine", "input": "A sentence that none of these texts has in common."}
    before = client.post("/v1/probe", json=asked).json()
    client.delete("/v1/calibrations/mine")
    service = client.app.state.service  # type: ignore[attr-defined]
    assert not service.calibrated
    assert made(client, nonmembers=OTHERS[8:])["nonmembers"] == card["nonmembers"] - 8
    (path,) = service.settings.calibrations.rglob("mine.npz")
    found = replace(load(path), created=card["created"])
    assert client.post("/v1/probe", json=asked).status_code == 200
    save(replace(found, nonmembers=found.nonmembers - 50), path.parent)
    after = client.post("/v1/probe", json=asked).json()
    assert after["results"][0]["claim"]["nonmembers"] == before["results"][0]["claim"]["nonmembers"] - 8
    assert after["results"][0]["p_value"] != before["results"][0]["p_value"]


def test_few_calibrations_are_held(client: TestClient) -> None:
    made(client)
    content = client.get("/v1/calibrations/mine/export").content
    for number in range(10):
        assert client.put(f"/v1/calibrations/c{number}", content=content).status_code == 201
        asked = {"model": "demo", "calibration": f"c{number}", "input": "A sentence that is short."}
        assert client.post("/v1/probe", json=asked).status_code == 200
    held = [name for _, name, _ in client.app.state.service.calibrated]  # type: ignore[attr-defined]
    assert held == [f"c{number}" for number in range(2, 10)]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"nothing of the kind"])
def test_no_other_file_is_imported(client: TestClient, content: bytes) -> None:
    answer = client.put("/v1/calibrations/mine", content=content)
    assert answer.status_code == 422, answer.text
    assert client.get("/v1/calibrations/mine").status_code == 404


def test_deletion(client: TestClient) -> None:
    made(client)
    assert client.delete("/v1/calibrations/mine").json() == {"id": "mine", "object": "calibration", "deleted": True}
    assert client.get("/v1/calibrations/mine").status_code == 404
    assert client.delete("/v1/calibrations/mine").status_code == 404
    assert client.delete("/v1/calibrations/demo").status_code == 422


def test_deletion_of_what_is_in_the_making(client: TestClient) -> None:
    assert made(client, nonmembers=OTHERS[:5])["status"] == "failed"
    asked = {"name": "long", "model": "demo", "nonmembers": [f"{text} Once more." for text in OTHERS]}
    assert client.post("/v1/calibrations", json=asked).status_code == 202
    for name in ("mine", "long"):
        early = client.get(f"/v1/calibrations/{name}/export")
        assert early.status_code == 422 and "when it is completed" in early.json()["error"]["message"]
        assert client.delete(f"/v1/calibrations/{name}").json()["deleted"]
        assert client.get(f"/v1/calibrations/{name}").status_code == 404
    assert [entry["id"] for entry in client.get("/v1/calibrations").json()["data"]] == ["demo", "demo-records"]


def test_cancellation(client: TestClient) -> None:
    many = [f"{text} Once more, with number {i} in it." for i in range(20) for text in OTHERS]
    asked = {"name": "long", "model": "demo", "nonmembers": many}
    assert client.post("/v1/calibrations", json=asked).status_code == 202
    assert client.post("/v1/calibrations", json=asked).status_code == 422  # the name is taken while it is made
    assert client.post("/v1/calibrations/long/cancel").json()["id"] == "long"
    for _ in range(300):
        if (state := client.get("/v1/calibrations/long").json())["status"] == "cancelled":
            break
        time.sleep(0.1)
    assert state["status"] == "cancelled" and state["progress"]["done"] < len(many)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"name": "../etc"}, "calibration"),
        ({"name": "demo"}, "name"),
        ({"nonmembers": [{"text": 1}]}, "nonmembers.0"),
        ({"nonmembers": "one text"}, "nonmembers"),
        ({"model": "none"}, "model"),
        ({"placebo": "none"}, "placebo"),
        ({"nonmembers": []}, "nonmembers"),
        ({"more": 1}, "more"),
    ],
)
def test_bad_requests(client: TestClient, body: dict[str, Any], param: str) -> None:
    asked = {"name": "mine", "model": "demo", "nonmembers": OTHERS, **body}
    answer = client.post("/v1/calibrations", json=asked)
    assert answer.status_code in (404, 422)
    assert answer.json()["error"]["param"].startswith(param)
