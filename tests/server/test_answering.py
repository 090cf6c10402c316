"""Ids, the line that the log has of every request, and errors that nobody foresaw."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from probe.config import Settings
from probe.errors import ModelError
from probe.logs import Json
from probe.pipeline import Probe
from server.app import create_app
from tests.engines import Faulty
from tests.serving import local

MARK = "zyzzyva-marker"
LONG = f"The value of {MARK} must be given before the first call, or an error is raised by the function."


@pytest.fixture
def faulty(demo: Probe) -> Faulty:
    return Faulty(demo.target)


@pytest.fixture
def client(faulty: Faulty, tmp_path: Path) -> Iterator[TestClient]:
    app = create_app(Settings(home=tmp_path), lambda _: {"demo": Probe(faulty)})
    with local(app, raised=False) as opened:
        yield opened


class Told(logging.StreamHandler[io.StringIO]):
    """Every record as the service writes it."""

    def __init__(self) -> None:
        super().__init__(io.StringIO())
        self.setFormatter(Json())

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    @property
    def answered(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["message"] == "Answered."]

    @property
    def failure(self) -> dict[str, Any]:
        (found,) = [line for line in self.lines if line["level"] == "error"]
        return found


@pytest.fixture
def told() -> Iterator[Told]:
    handler = Told()
    for name in ("server", "probe"):
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(logging.INFO)
    yield handler
    for name in ("server", "probe"):
        logging.getLogger(name).removeHandler(handler)
        logging.getLogger(name).setLevel(logging.NOTSET)


def ask(client: TestClient, **headers: str) -> Any:
    return client.post("/v1/probe", json={"model": "demo", "input": [LONG, LONG + " Twice."]}, headers=headers)


def test_one_line_per_request_with_what_is_known_of_it(client: TestClient, told: Told) -> None:
    answer = ask(client)
    client.get(f"/v1/batches/{MARK}?after={MARK}")
    client.get(f"/{MARK}")
    client.request(MARK.upper(), "/healthz")
    lines = told.answered
    found = [(line["method"], line["route"], line["status"]) for line in lines]
    assert found == [
        ("POST", "/v1/probe", 200), ("GET", "/v1/batches/{name}", 404), ("GET", "none", 404), ("OTHER", "none", 405)
    ]  # fmt: skip
    assert lines[0]["texts"] == 2 and lines[0]["tokens"] == answer.json()["usage"]["tokens"] and lines[0]["ms"] > 0
    assert MARK not in json.dumps(lines).lower()


@pytest.mark.parametrize("given", ["a1b2c3d4", "6c1d0f9e-0d5a-4c1f-9f0c-2f1d6a1b0c3e", "x" * 64])
def test_a_well_formed_id_is_kept(client: TestClient, given: str) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["short", "x" * 65, "two words of text", "a\tb-12345678", "ümlaut-12345678", ""])
def test_any_other_is_replaced(client: TestClient, given: str) -> None:
    answer = client.get("/healthz", headers={"X-Request-ID": given.encode()})
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])


@pytest.mark.parametrize("error", [ValueError(f"bad token in {LONG}"), ModelError("The device is gone: restart it.")])
def test_a_500_names_the_request_and_the_log_tells_of_it_without_the_text(
    client: TestClient, faulty: Faulty, told: Told, error: Exception
) -> None:
    faulty.error = error
    answer = ask(client, **{"X-Request-ID": "abcd-1234"})
    message = answer.json()["error"]["message"]
    assert answer.status_code == 500 and "request abcd-1234" in message and MARK not in message
    assert ("The device is gone: restart it." in message) == isinstance(error, ModelError)
    failure = told.failure
    assert failure["request"] == "abcd-1234" and failure["error"]["type"].endswith(type(error).__name__)
    assert any(frame.endswith(" score") for frame in failure["error"]["frames"])
    assert [line["status"] for line in told.answered] == [500] and MARK not in json.dumps(told.lines)


def test_errors_of_other_layers_have_an_id_too(client: TestClient, told: Told) -> None:
    answer = client.post("/v1/probe", content=b"x" * 9_000_000)
    assert answer.status_code == 413
    (line,) = told.answered
    assert (line["status"], line["route"], line["request"]) == (413, "/v1/probe", answer.headers["X-Request-ID"])


def test_what_a_job_logs_names_the_request_that_began_it(client: TestClient, faulty: Faulty, told: Told) -> None:
    faulty.error = ValueError(f"bad token in {LONG}")
    body = {"model": "demo", "members": [LONG], "nonmembers": ["Another text of a few words that stands for itself."]}
    made = client.post("/v1/evaluations", json=body, headers={"X-Request-ID": "abcd-1234"})
    while client.get(f"/v1/evaluations/{made.json()['id']}").json()["status"] in ("queued", "running"):
        pass
    assert (told.failure["request"], told.failure["job"]) == ("abcd-1234", made.json()["id"])
    assert told.failure["error"]["type"] == "ValueError" and MARK not in json.dumps(told.lines)
