"""Keys over HTTP: who is let in, whose things are seen, and what is kept of who asked."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
import zstandard
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from probe.access.keys import KeyRing
from probe.access.record import Record
from probe.calibration.file import content_hash
from probe.calibration.shelf import Shelf
from probe.config import Settings
from probe.errors import InputError, OverQuota
from probe.pipeline import Probe
from probe.scans.opening import Probes
from probe.scans.serving import make_worker
from server.access.opening import Access, is_loopback
from server.access.scopes import ADMIN, OPEN, scopes_of
from server.access.sessions import MOST
from server.app import create_app
from tests.documents.made import paragraphs
from tests.serving import local

TEXTS = paragraphs(8)
SECRET = "the one text that nobody else may hear of, not even its hash without a secret"


class Guarded:
    """A service with four keys."""

    def __init__(self, home: Path, demo: Probe) -> None:
        self.home, ring = home, KeyRing(home / "keys.json")
        scopes = {"alice": ["probe", "scan"], "bob": ["probe", "scan"], "carol": ["scan"], "root": ["admin"]}
        self.tokens = {name: ring.add(name, some)[1] for name, some in scopes.items()}
        self.ring = ring
        self.app: FastAPI = create_app(Settings(home=home, scan_workers=0), lambda _: {"demo": demo})
        self.client: TestClient = local(self.app, raised=False)

    def ask(self, name: str, method: str, path: str, **more: Any) -> Any:
        return self.client.request(method, path, headers={"Authorization": f"Bearer {self.tokens[name]}"}, **more)

    def made(self) -> dict[str, str]:
        """Returns the ids of one thing of each kind, which are alice's."""
        rows = "".join(json.dumps({"text": text}) + "\n" for text in TEXTS).encode()
        file = self.ask("alice", "POST", "/v1/files", files={"file": ("a.jsonl", rows)}, data={"purpose": "batch"})
        batch = self.ask("alice", "POST", "/v1/batches", json={
            "input_file_id": file.json()["id"], "endpoint": "/v1/probe", "completion_window": "24h",
        })  # fmt: skip
        document = self.ask(
            "alice", "POST", "/v1/documents", files={"file": ("a.txt", "\n\n".join(TEXTS).encode())},
            data={"model": "demo", "prefix": "12", "suffix": "12"},
        )  # fmt: skip
        pii = self.ask("alice", "POST", "/v1/pii", json={"model": "demo", "input": TEXTS[0], "presidio": False})
        labelled = {"model": "demo", "members": TEXTS[:4], "nonmembers": TEXTS[4:]}
        evaluation = self.ask("alice", "POST", "/v1/evaluations", json=labelled)
        known = {"model": "demo", "name": "mine", "nonmembers": paragraphs(30)}
        calibration = self.ask("alice", "POST", "/v1/calibrations", json=known)
        self.await_calibration()
        answers = {
            "/v1/files": file, "/v1/batches": batch, "/v1/documents": document, "/v1/pii": pii,
            "/v1/evaluations": evaluation, "/v1/calibrations": calibration,
        }  # fmt: skip
        assert all(answer.status_code < 300 for answer in answers.values()), {k: v.text for k, v in answers.items()}
        return {path: answer.json()["id"] for path, answer in answers.items()}

    def await_calibration(self) -> None:
        for _ in range(600):
            state = self.ask("alice", "GET", "/v1/calibrations/mine").json().get("status")
            if state not in ("queued", "running"):
                return
            time.sleep(0.1)
        raise AssertionError("it takes too long")


@pytest.fixture(scope="module")
def guarded(demo: Probe, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    found = Guarded(tmp_path_factory.mktemp("home"), demo)
    with found.client:
        yield found


@pytest.fixture(scope="module")
def things(guarded: Guarded) -> dict[str, str]:
    return guarded.made()


def routes(app: FastAPI) -> list[tuple[str, str]]:
    return [
        (method, route.path) for route in app.routes if isinstance(route, APIRoute) for method in sorted(route.methods)
    ]


def test_another_key_s_ids_answer_as_ids_that_there_are_not(guarded: Guarded, things: dict[str, str]) -> None:
    """Every route with an id, those that are added later among them: 404, word for word as for an unknown one."""
    seen = set()
    for method, path in routes(guarded.app):
        prefix = path.partition("/{name}")[0]
        if "{name}" not in path or scopes_of((method, path)) is OPEN:
            continue
        seen.add(prefix)
        theirs = things[prefix]  # a new kind of thing has to be made above
        unknown = theirs[:-3] + ("abc" if theirs[-3:] != "abc" else "abd")
        for number in ("0", "1"):
            answers = [
                guarded.ask("bob", method, path.replace("{name}", one).replace("{number}", number), content=b"x")
                for one in (theirs, unknown)
            ]
            told = [answer.text.replace(one, "ID") for answer, one in zip(answers, (theirs, unknown), strict=True)]
            assert answers[0].status_code == (422 if method == "PUT" else 404), (method, path, told[0])
            assert told[0] == told[1], (method, path)
    assert seen == things.keys()


def test_lists_are_one_s_own_and_alice_still_has_hers(guarded: Guarded, things: dict[str, str]) -> None:
    for path, name in things.items():
        mine, theirs = (guarded.ask(who, "GET", path).json()["data"] for who in ("alice", "bob"))
        assert name in [one["id"] for one in mine] and name not in [one["id"] for one in theirs], path
        assert guarded.ask("alice", "GET", f"{path}/{name}").status_code == 200
    answer = guarded.ask("bob", "POST", "/v1/probe", json={"model": "demo", "input": TEXTS[0], "calibration": "mine"})
    assert answer.status_code == 404
    assert "mine" not in guarded.ask("bob", "GET", "/v1/calibrations").text
    used = guarded.ask("alice", "POST", "/v1/probe", json={"model": "demo", "input": TEXTS[0], "calibration": "mine"})
    assert used.status_code == 200 and used.json()["calibration"] == "mine"


def test_the_list_says_whose_a_calibration_is_and_which_it_hides(demo: Probe, tmp_path: Path) -> None:
    assert demo.calibration
    theirs = replace(demo.calibration, name="same")
    found = Guarded(tmp_path, Probe.of(demo.setup, theirs))
    with found.client:
        content = found.ask("bob", "GET", "/v1/calibrations/demo-records/export").content
        assert found.ask("alice", "PUT", "/v1/calibrations/same", content=content).json()["owner"] == "yours"
        Shelf(found.app.state.service.settings.calibrations).save(theirs)  # by the operator, who serves it
        workers, cards = Probes(Probe.of(demo.setup, theirs), "demo", found.app.state.service.settings), {}
        for name in ("alice", "bob"):
            cards[name] = {one["id"]: one for one in found.ask(name, "GET", "/v1/calibrations").json()["data"]}
            asked = {"model": "demo", "input": TEXTS[0], "calibration": "same"}
            used = found.ask(name, "POST", "/v1/probe", json=asked).json()["provenance"]["calibration"]["sha256"]
            assert used == content_hash(Shelf(tmp_path).find("demo-records") if name == "alice" else theirs), name
            scanned = workers("demo", "same", name).calibration  # as a batch of theirs is judged
            assert scanned and content_hash(scanned) == used
        whose = {name: (cards[name]["same"]["owner"], cards[name]["demo"]["owner"]) for name in cards}
        assert whose == {"alice": ("yours", "operator"), "bob": ("operator", "operator")}
        told = {name: "delete yours" in " ".join(cards[name]["same"]["notes"]) for name in cards}
        assert told == {"alice": True, "bob": False}
        assert found.ask("bob", "PUT", "/v1/calibrations/same", content=content).status_code == 422
        assert found.ask("alice", "DELETE", "/v1/calibrations/same").status_code == 200
        assert found.ask("alice", "GET", "/v1/calibrations/same").json()["owner"] == "operator"


def test_a_key_of_the_owner_default_is_not_the_operator(demo: Probe, tmp_path: Path) -> None:
    assert demo.calibration
    shelf = Shelf(Settings(home=tmp_path).calibrations)
    shelf.save(replace(demo.calibration, name="operators"))
    found = Guarded(tmp_path, demo)
    found.tokens["default"] = found.ring.add("default", ["probe", "scan"])[1]
    with found.client:
        content = found.ask("default", "GET", "/v1/calibrations/operators/export").content
        assert found.ask("default", "PUT", "/v1/calibrations/own", content=content).json()["owner"] == "yours"
        assert found.ask("bob", "GET", "/v1/calibrations/own").status_code == 404
        assert "own" not in shelf.names()
        workers = Probes(demo, "demo", found.app.state.service.settings)
        assert (used := workers("demo", "own", "default").calibration) and used.name == "own"
        refused = found.ask("default", "DELETE", "/v1/calibrations/operators")
        assert refused.status_code == 422 and "made by the operator" in refused.json()["error"]["message"]
        assert found.ask("default", "DELETE", "/v1/calibrations/own").status_code == 200
    assert "operators" in shelf.names()


def test_without_keys_whoever_asks_is_the_operator(demo: Probe, tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path, scan_workers=0), lambda _: {"demo": demo})
    with local(app) as client:
        content = client.get("/v1/calibrations/demo-records/export").content
        assert client.put("/v1/calibrations/mine", content=content).status_code == 201
        assert "mine" in Shelf(Settings(home=tmp_path).calibrations).names()
        assert client.delete("/v1/calibrations/mine").status_code == 200


def test_no_route_answers_without_a_key_of_its_scope(guarded: Guarded) -> None:
    wrong = guarded.tokens["alice"][:-4] + "AAAA"
    for method, path in routes(guarded.app):
        scopes, asked = scopes_of((method, path)), path.replace("{name}", "x").replace("{number}", "0")
        if scopes is OPEN:
            continue
        for headers in ({}, {"Authorization": f"Bearer {wrong}"}, {"Authorization": f"Basic {wrong}"}):
            answer = guarded.client.request(method, asked, headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_key"), (method, path)
            assert answer.headers["WWW-Authenticate"] == "Bearer"
        allowed = "scan" in scopes
        answer = guarded.ask("carol", method, asked, content=b"x")
        assert (answer.status_code == 403) is not allowed, (method, path)
        answer = guarded.ask("root", method, asked, content=b"x")
        assert answer.status_code not in (401, 403) or path == "/v1/aggregates"  # which this service has not


@pytest.mark.parametrize(
    ("method", "path", "scopes"),
    [
        ("GET", "", {"probe", "scan"}), ("GET", "/x", {"probe", "scan"}), ("GET", "/x/export", {"probe", "scan"}),
        ("POST", "", {"probe"}), ("POST", "/x/cancel", {"probe"}), ("PUT", "/x", {"probe"}),
        ("DELETE", "/x", {"probe"}),
    ],
)  # fmt: skip
def test_scan_looks_at_calibrations_and_probe_makes_them(
    guarded: Guarded, method: str, path: str, scopes: set[str]
) -> None:
    assert scopes_of((method, f"/v1/calibrations{path}")) == scopes
    answer = guarded.ask("carol", method, f"/v1/calibrations{path}", content=b"x")
    assert (answer.status_code == 403) is ("scan" not in scopes)


def test_a_route_that_is_not_listed_is_for_administrators(guarded: Guarded) -> None:
    assert scopes_of(("GET", "/metrics")) == scopes_of(("GET", "/v1/later/{name}")) == ADMIN
    assert scopes_of(("POST", "/v1/probe")) == {"probe"} and scopes_of(None) is OPEN
    assert {path for method, path in routes(guarded.app) if scopes_of((method, path)) is OPEN} == {
        "/", "/docs", "/web/{name}", "/healthz", "/readyz", "/v1/session",
    }  # fmt: skip


def test_the_record_tells_who_asked_about_a_text_and_not_the_text(guarded: Guarded) -> None:
    guarded.ask("alice", "POST", "/v1/probe", json={"model": "demo", "input": [TEXTS[0], SECRET]})
    guarded.ask("bob", "GET", "/v1/calibrations/" + "what a caller writes into a path".replace(" ", "%20"))
    guarded.client.get("/v1/models")
    record = Record(guarded.home)
    (line,) = record.lines(text=SECRET)
    assert (line["key"], line["owner"], line["route"], line["status"]) == ("alice", "alice", "POST /v1/probe", 200)
    assert line["texts"] == 2
    written = record.path.read_text()
    assert SECRET not in written and "what a caller" not in written and guarded.tokens["alice"] not in written
    last = list(record.lines())[-1]
    assert last["status"] == 401 and "key" not in last
    begun = next(line for line in record.lines("alice") if line["route"] == "POST /v1/batches")
    assert begun["subject"].startswith("batch_")


def test_the_record_knows_every_text_of_a_long_request(guarded: Guarded) -> None:
    texts = [f"text number {number} of very many" for number in range(600)]
    made = guarded.ask("alice", "POST", "/v1/evaluations", json={
        "model": "demo", "members": texts[:300], "nonmembers": texts[300:],
    })  # fmt: skip
    assert made.status_code == 202, made.text
    guarded.ask("alice", "DELETE", f"/v1/evaluations/{made.json()['id']}")
    for number in (0, 299, 599):
        (line,) = Record(guarded.home).lines(text=texts[number])
        assert line["route"] == "POST /v1/evaluations" and line["texts"] == 600


def test_a_session_gives_the_page_a_cookie_that_no_script_reads(guarded: Guarded) -> None:
    client = local(guarded.app)  # a browser of its own, at the same service
    assert client.get("/v1/models").status_code == client.post("/v1/session").status_code == 401
    begun = client.post("/v1/session", headers={"Authorization": f"Bearer {guarded.tokens['bob']}"})
    assert begun.json() == {"owner": "bob", "scopes": ["probe", "scan"]}
    assert {"HttpOnly", "SameSite=strict"} <= set(begun.headers["set-cookie"].split("; "))
    assert client.get("/v1/models").status_code == 200
    foreign = {"Origin": "http://evil.example"}
    assert client.get("/v1/models", headers=foreign).json()["error"]["code"] == "foreign_origin"
    secret = client.cookies["memprobe_session"]
    assert guarded.tokens["bob"] not in begun.headers["set-cookie"] and len(secret) >= 43
    again = client.post("/v1/session")
    assert again.status_code == 200 and "set-cookie" not in again.headers  # it goes on
    assert client.delete("/v1/session").status_code == 204 and client.get("/v1/models").status_code == 401
    stolen = {"Cookie": f"memprobe_session={secret}"}
    assert client.get("/v1/models", headers=stolen).status_code == 401  # it ended, it was not only forgotten
    with_key = {"Cookie": f"memprobe_session={guarded.tokens['bob']}"}
    assert client.get("/v1/models", headers=with_key).status_code == 401


def test_a_session_ends_with_its_key_its_service_or_when_there_are_many(demo: Probe, tmp_path: Path) -> None:
    found = Guarded(tmp_path, demo)

    def begin(name: str) -> TestClient:
        browser = local(found.app)
        assert browser.post("/v1/session", headers={"Authorization": f"Bearer {found.tokens[name]}"}).status_code == 200
        return browser

    def asks(browser: TestClient) -> int:
        return int(browser.get("/v1/models").status_code)

    with found.client:
        bob = begin("bob")
        browsers = [begin("alice") for _ in range(MOST + 1)]
        assert [asks(one) for one in (bob, *browsers)] == [200, 401, *[200] * MOST]
        found.ring.revoke("alice")
        assert asks(browsers[-1]) == 401 and asks(bob) == 200
        found.tokens["alice"] = found.ring.add("alice", ["probe"])[1]
        assert asks(browsers[-1]) == 401
        other = local(create_app(Settings(home=tmp_path, scan_workers=0), lambda _: {"demo": demo}))
        other.cookies.set("memprobe_session", bob.cookies["memprobe_session"])
        with other:
            assert asks(other) == 401
        again = local(found.app)
        again.cookies.set("memprobe_session", bob.cookies["memprobe_session"])
        assert asks(again) == 200  # where it began


def test_rate_and_budget_of_a_key(demo: Probe, tmp_path: Path) -> None:
    found, most = Guarded(tmp_path, demo), len(TEXTS[0]) // 4
    for name, more in (("slow", {"rate": "2/hour"}), ("poor", {"budget": f"{most}/day"})):
        found.tokens[name] = found.ring.add(name, ["probe"], **more)[1]
    with found.client:
        assert [found.ask("slow", "GET", "/v1/models").status_code for _ in range(3)] == [200, 200, 429]
        asked = {"model": "demo", "input": TEXTS[0]}
        answers = [found.ask("poor", "POST", "/v1/probe", json=asked) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 429]
        said = answers[1].json()["error"]
        assert said["code"] == "quota" and f"budget of {most} tokens a day" in said["message"]
        assert int(answers[1].headers["Retry-After"]) > 0
        assert found.ask("poor", "GET", "/v1/models").status_code == 200  # what reads no token goes on


def left(found: Guarded, name: str) -> int:
    """Returns how many tokens of its budget a key has left."""
    access: Access = found.app.state.service.access
    key = next(one for one in access.ring.keys if one.name == name)
    with pytest.raises(OverQuota) as refused:
        access.quota.hold(key, 10**9)
    return int(refused.value.args[0].partition(" has ")[2].partition(" left")[0].replace(",", ""))


def test_a_job_is_charged_what_it_reads_and_given_back_what_it_does_not(demo: Probe, tmp_path: Path) -> None:
    found = Guarded(tmp_path, demo)
    found.tokens["worker"] = found.ring.add("worker", ["probe"], budget="100000/day")[1]
    job = {"model": "demo", "members": TEXTS[:4], "nonmembers": TEXTS[4:]}
    held = sum(map(len, TEXTS)) // 4
    with found.client:
        path = f"/v1/evaluations/{found.ask('worker', 'POST', '/v1/evaluations', json=job).json()['id']}"
        for _ in range(300):
            if found.ask("worker", "GET", path).json()["status"] == "completed":
                break
            time.sleep(0.1)
        read = 100_000 - left(found, "worker")
        assert read > held  # some scores read a text more than once
        begun = threading.Event()
        found.app.state.service.jobs.start("pii", "x", "someone", lambda progress: begun.wait(20))
        waits = found.ask("worker", "POST", "/v1/evaluations", json=job).json()["id"]
        assert 100_000 - left(found, "worker") == read + held
        assert found.ask("worker", "POST", f"/v1/evaluations/{waits}/cancel").json()["status"] == "cancelled"
        assert 100_000 - left(found, "worker") == read
        begun.set()
        wrong = found.ask("worker", "POST", "/v1/probe", json={"model": "demo", "input": TEXTS[0], "alpha": 0.0})
        assert wrong.status_code == 422 and 100_000 - left(found, "worker") == read


def test_a_request_that_is_given_up_keeps_what_was_held_for_it(demo: Probe, tmp_path: Path) -> None:
    found = Guarded(tmp_path, demo)
    found.tokens["slow"] = found.ring.add("slow", ["probe"], budget="100000/day")[1]
    settings = Settings(home=tmp_path, scan_workers=0, request_seconds=0.1)
    found.app = create_app(settings, lambda _: {"demo": demo})
    found.client = local(found.app)
    with found.client:
        asked = {"model": "demo", "input": TEXTS * 12}
        assert found.ask("slow", "POST", "/v1/probe", json=asked).status_code == 504
        assert 100_000 - left(found, "slow") == 12 * sum(map(len, TEXTS)) // 4


def test_parallel_requests_do_not_multiply_a_budget(demo: Probe, tmp_path: Path) -> None:
    found = Guarded(tmp_path, demo)
    asked = {"model": "demo", "input": ["\n".join(TEXTS)] * 2}
    with found.client:
        cost = found.ask("bob", "POST", "/v1/probe", json=asked)
        assert cost.status_code == 200
        held = 2 * len("\n".join(TEXTS)) // 4
        found.tokens["poor"] = found.ring.add("poor", ["probe"], budget=f"{3 * held}/day")[1]
        with ThreadPoolExecutor(8) as threads:
            answers = threads.map(lambda _: found.ask("poor", "POST", "/v1/probe", json=asked), range(8))
            statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 429} and statuses.count(200) <= 3


def test_a_spent_budget_keeps_nobody_from_what_they_have(demo: Probe, tmp_path: Path) -> None:
    found = Guarded(tmp_path, demo)
    found.tokens["poor"] = found.ring.add("poor", ["scan", "probe"], budget="1000/day")[1]
    rows = "".join(json.dumps({"text": text}) + "\n" for text in TEXTS).encode()

    def uploaded(content: bytes) -> str:
        form = {"files": {"file": ("a.jsonl", content)}, "data": {"purpose": "batch"}}
        return str(found.ask("poor", "POST", "/v1/files", **form).json()["id"])

    def begun(file: str) -> Any:
        body = {"input_file_id": file, "endpoint": "/v1/probe", "completion_window": "24h"}
        return found.ask("poor", "POST", "/v1/batches", json=body)

    with found.client:
        refused = begun(uploaded(rows * (5000 // len(rows) + 1)))  # more than the whole budget
        assert refused.status_code == 429 and "send it in parts" in refused.json()["error"]["message"]
        text = TEXTS[0][:40] * 90
        small = uploaded((json.dumps({"text": text[:3600]}) + "\n").encode())
        batch = begun(small).json()["id"]
        again = begun(small)
        assert again.status_code == 429 and again.json()["error"]["code"] == "quota"
        assert "100 left: send less" in again.json()["error"]["message"]
        for method, path in (
            ("GET", f"/v1/batches/{batch}"), ("POST", f"/v1/batches/{batch}/cancel"), ("GET", "/v1/calibrations"),
            ("DELETE", f"/v1/batches/{batch}"), ("DELETE", f"/v1/files/{small}"),
        ):  # fmt: skip
            assert found.ask("poor", method, path).status_code == 200, (method, path)
        probe = {"model": "demo", "input": TEXTS}
        refusals = {
            "/v1/probe": probe,
            "/v1/pii": probe,
            "/v1/evaluations": {"model": "demo", "members": TEXTS, "nonmembers": paragraphs(9)[8:]},
            "/v1/calibrations": {"model": "demo", "name": "c", "nonmembers": paragraphs(30)},
        }
        for path, body in refusals.items():
            assert found.ask("poor", "POST", path, json=body).status_code == 429, path


NOBODY = "http://127.0.0.1:1/"  # where nobody answers
PASSAGE = "The value is returned as it stands. " * 20


def packed_rows(kind: str, count: int) -> bytes:
    """Returns many rows of one text in a file that is far smaller than they are."""
    if kind == "parquet":
        made = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.table({"text": [PASSAGE] * count}), made)
        return made.getvalue()
    rows = (json.dumps({"text": PASSAGE}) + "\n").encode() * count
    return {"jsonl": bytes, "jsonl.gz": gzip.compress, "jsonl.zst": zstandard.compress}[kind](rows)


def begun_batch(found: Guarded, kind: str, count: int, by: str) -> Any:
    """Asks for a batch of an upload, or of a file of this machine."""
    body: dict[str, Any] = {"endpoint": "/v1/probe", "completion_window": "24h"}
    if by == "place":
        path = found.home / "read" / f"{count}.{kind}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(packed_rows(kind, count))
        return found.ask("poor", "POST", "/v1/batches", json=body | {"metadata": {"url": str(path)}})
    form = {"files": {"file": (f"a.{kind}", packed_rows(kind, count))}, "data": {"purpose": "batch"}}
    file = found.ask("poor", "POST", "/v1/files", **form).json()["id"]
    return found.ask("poor", "POST", "/v1/batches", json=body | {"input_file_id": file})


@pytest.fixture(scope="module")
def reading(demo: Probe, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A service that reads a folder beside uploads."""
    found = Guarded(tmp_path_factory.mktemp("reading"), demo)
    settings = Settings(home=found.home, scan_workers=0, scan_prefixes=[str(found.home / "read"), NOBODY])
    found.app = create_app(settings, lambda _: {"demo": demo})
    found.client = local(found.app)
    with found.client:
        yield found


@pytest.mark.parametrize("by", ["upload", "place"])
@pytest.mark.parametrize("kind", ["jsonl", "jsonl.gz", "jsonl.zst", "parquet"])
def test_a_batch_pays_for_its_text_however_it_is_packed(reading: Guarded, kind: str, by: str) -> None:
    name, most = f"{by}-{kind}", 10 * len(PASSAGE) // 4
    reading.tokens["poor"] = reading.ring.add(name, ["scan"], budget=f"{most}/day")[1]
    more = begun_batch(reading, kind, 11, by)
    assert more.status_code == 429 and "send it in parts" in more.json()["error"]["message"], more.text
    assert begun_batch(reading, kind, 6, by).status_code == 200
    assert left(reading, name) == most - 6 * len(PASSAGE) // 4
    again = begun_batch(reading, kind, 6, by)
    assert again.status_code == 429 and "left: send less" in again.json()["error"]["message"]
    assert begun_batch(reading, kind, 4, by).status_code == 200
    spent = begun_batch(reading, kind, 1, by)
    assert spent.status_code == 429 and "is spent" in spent.json()["error"]["message"]


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "json", "csv", "parquet"])
def test_what_cannot_be_counted_is_refused_or_costs_nothing(reading: Guarded, ending: str) -> None:
    reading.tokens["poor"] = reading.ring.add(f"garbage-{ending}", ["scan"], budget="100/day")[1]
    (reading.home / "read").mkdir(exist_ok=True)
    (path := reading.home / "read" / f"garbage.{ending}").write_bytes(b"\x1f\x00PAR1 no rows" * 100)
    for place in (path, path.with_name(f"none.{ending}"), f"{NOBODY}x.{ending}"):
        body = {"endpoint": "/v1/probe", "completion_window": "24h", "metadata": {"url": str(place)}}
        assert reading.ask("poor", "POST", "/v1/batches", json=body).status_code in (200, 400, 422), place
    assert left(reading, f"garbage-{ending}") >= 99


def test_a_batch_reads_no_more_than_it_paid_for(reading: Guarded, demo: Probe) -> None:
    reading.tokens["poor"] = reading.ring.add("changes", ["scan"], budget="100000/day")[1]
    batch = begun_batch(reading, "jsonl", 3, "place").json()
    (reading.home / "read" / "3.jsonl").write_bytes(packed_rows("jsonl", 300))
    service = reading.app.state.service
    make_worker(service.desk, service.settings, "demo", demo).step()
    while (seen := reading.ask("poor", "GET", f"/v1/batches/{batch['id']}").json())["status"] == "validating":
        make_worker(service.desk, service.settings, "demo", demo).step()
    assert seen["status"] == "failed" and "ask for it again" in seen["errors"]["data"][0]["message"]


def test_uploads_have_room_as_long_as_there_is_some(
    demo: Probe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path, owner_bytes=1000, scan_workers=0)
    with local(create_app(settings, lambda _: {"demo": demo})) as client:

        def upload() -> Any:
            return client.post("/v1/files", files={"file": ("a.txt", b"x" * 600)}, data={"purpose": "batch"})

        first, full = upload(), upload()
        assert (full.status_code, full.json()["error"]["code"]) == (413, "owner_full")
        assert client.delete(f"/v1/files/{first.json()['id']}").status_code == 200
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10**9))
        full = upload()
        assert (full.status_code, full.json()["error"]["code"]) == (507, "disk_full")


def test_keys_begin_and_end_while_the_service_runs(demo: Probe, tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path), lambda _: {"demo": demo})
    ring = KeyRing(tmp_path / "keys.json")
    with local(app) as client:
        assert client.get("/v1/models").status_code == 200
        assert client.post("/v1/session").json() == {"owner": "default", "scopes": []}
        _, token = ring.add("alice", ["probe"])
        headers = {"Authorization": f"bearer {token}"}
        assert client.get("/v1/models").status_code == 401
        assert client.get("/v1/models", headers=headers).status_code == 200
        (tmp_path / "keys.json").write_text("{")
        broken = client.get("/v1/models", headers=headers)
        assert broken.status_code == 503 and "cannot be read" in broken.json()["error"]["message"]
        assert "/" not in broken.json()["error"]["message"]  # where they lie is for the log
        (tmp_path / "keys.json").unlink()  # no key is left: that opens no door
        assert client.get("/v1/models").status_code == 401


def test_who_has_no_key_is_answered_and_left_before_a_body_is_read(guarded: Guarded) -> None:
    for path in ("/v1/probe", "/v1/files", "/v1/documents", "/nope"):
        read = []

        def pieces(read: list[int] = read) -> Iterator[bytes]:
            for number in range(50):
                read.append(number)
                yield b"x" * 100_000

        answer = guarded.client.post(path, content=pieces())
        assert answer.status_code == (404 if path == "/nope" else 401), path
        assert not read and answer.headers["connection"] == "close", path


def test_far_ones_need_a_key(demo: Probe, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"memprobe keys add NAME"):
        create_app(Settings(home=tmp_path, host="0.0.0.0"))
    app = create_app(Settings(home=tmp_path), lambda _: {"demo": demo})
    with TestClient(app, "http://127.0.0.1", client=("192.0.2.7", 50_000)) as client:  # however it was started
        answer = client.get("/v1/models")
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "key_needed")
    KeyRing(tmp_path / "keys.json").add("alice", ["probe"])
    create_app(Settings(home=tmp_path, host="0.0.0.0"))


def test_a_file_of_keys_that_is_named_has_to_be_there(demo: Probe, tmp_path: Path) -> None:
    named = Settings(home=tmp_path, keys=tmp_path / "kyes.json")
    with pytest.raises(InputError, match=r"MEMPROBE_KEYS names .*kyes\.json, which is not there: mend the path"):
        create_app(named)
    KeyRing(tmp_path / "kyes.json").add("alice", ["probe"])
    with local(create_app(named, lambda _: {"demo": demo})) as client:
        assert client.get("/v1/models").status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200), ({"Host": "localhost:8000"}, 200), ({"Host": "[::1]:8000"}, 200), ({"Host": "LOCALHOST"}, 200),
        ({"Host": "memprobe.example"}, 403), ({"Host": "evil.example:8000"}, 403), ({"Host": ""}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403), ({"Host": "[::1"}, 403), ({"Host": "named.example:1"}, 200),
        ({"Origin": "http://127.0.0.1"}, 200), ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:9999"}, 403), ({"Origin": "https://friend.example"}, 200),
        ({"Host": "named.example", "Origin": "http://named.example"}, 200), ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403),
    ],
)  # fmt: skip
def test_pages_of_other_sites_are_kept_out(demo: Probe, tmp_path: Path, headers: dict[str, str], status: int) -> None:
    settings = Settings(home=tmp_path, allowed_hosts=["named.example"], allowed_origins=["https://friend.example"])
    with local(create_app(settings, lambda _: {"demo": demo})) as client:
        assert client.get("/v1/models", headers=headers).status_code == status
        assert client.post("/v1/probe", headers=headers, json=3).status_code == (422 if status == 200 else 403)


def test_health_is_told_on_the_machine_itself_whatever_names_are_listed(demo: Probe, tmp_path: Path) -> None:
    KeyRing(tmp_path / "keys.json").add("alice", ["probe"])
    settings = Settings(home=tmp_path, allowed_hosts=["named.example"])
    with local(create_app(settings, lambda _: {"demo": demo})) as client:
        for path in ("/healthz", "/readyz"):
            statuses = {}
            for host in ("127.0.0.1:8000", "localhost", "[::1]:8000", "named.example", "evil.example"):
                answer = client.get(path, headers={"Host": host})
                statuses[host] = answer.status_code
                assert str(tmp_path) not in answer.text
            assert list(statuses.values()) == [200, 200, 200, 200, 403]
        assert client.get("/", headers={"Host": "127.0.0.1:8000"}).status_code == 403
        (tmp_path / "keys.json").write_text("{")
        broken = client.get("/readyz")
        assert broken.status_code == 503 and str(tmp_path) not in broken.text


@pytest.mark.parametrize(
    ("host", "near"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("::ffff:127.0.0.1", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("192.168.0.1", False), ("::ffff:10.0.0.1", False), ("example", False)],
)  # fmt: skip
def test_what_only_this_machine_reaches(host: str, near: bool) -> None:
    assert is_loopback(host) is near


def test_the_schema_says_where_a_key_is_needed(guarded: Guarded, demo: Probe, tmp_path: Path) -> None:
    paths = guarded.client.get("/openapi.json").json()["paths"]
    assert paths["/v1/probe"]["post"]["security"] == paths["/metrics"]["get"]["security"] == [{"key": []}]
    assert paths["/healthz"]["get"]["security"] == paths["/v1/session"]["post"]["security"] == []
    plain = local(create_app(Settings(home=tmp_path, scan_workers=0), lambda _: {"demo": demo})).get("/openapi.json")
    assert not any(one["security"] for methods in plain.json()["paths"].values() for one in methods.values())
