"""No text in logs, errors or tracebacks: one goes through every endpoint and every failure of a real service."""

from __future__ import annotations

import gzip
import io
import json
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import STDOUT, Popen
from typing import Any
from urllib.parse import quote
from zipfile import ZipFile

import httpx2
import numpy as np
import pytest

from tests.documents.made import as_epub
from tests.system.breaking import RAISED
from tests.system.conftest import free_port
from tests.system.scans.helper import environment, ready, until

MARK = "zyzzyva"
TEXT = f"The {MARK} of the house keeps its name to itself, and so do we"
FAILING = [f"{TEXT}: {word}." for word in (*RAISED, "untokenizable")]
BODY = {"model": "demo"}
SHAPE = {"model": "demo", "prefix": "8", "suffix": "8"}


@dataclass
class Service:
    """A process, what it says, and which routes were called so far."""

    port: int
    log: Path
    home: Path
    client: httpx2.Client
    called: set[str] = field(default_factory=set)

    def call(self, method: str, route: str, *, at: str | None = None, **named: Any) -> httpx2.Response:
        """Calls a route, with `at` in the place of its names; checks that no refusal quotes the text."""
        self.called.add(f"{method} {route}")
        path = route
        for name in ("name", "number", "picture"):
            path = path.replace(f"{{{name}}}", quote("0" if at is None else at, safe=""))
        answer = self.client.request(method, path, **named)
        if answer.status_code >= 400:
            assert MARK not in answer.text and set(answer.json()) == {"error"}, (method, route, answer.text)
        return answer

    def over(self, route: str, name: str) -> dict[str, Any]:
        """Waits for a job or batch; checks that its error does not quote the text."""
        for _ in range(900):
            found: dict[str, Any] = self.call("GET", route, at=name).json()
            if found["status"] in ("completed", "failed", "cancelled"):
                assert MARK not in json.dumps([found.get("error"), found.get("errors"), found.get("note")]), found
                return found
            time.sleep(0.1)
        raise AssertionError("it takes too long")

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("untold")
    home, log, port = folder / "home", folder / "log", free_port()
    more = {
        "MEMPROBE_MAX_TOKENS": "300", "MEMPROBE_MAX_REQUEST_TOKENS": "9000", "MEMPROBE_MAX_BODY_BYTES": "3000000",
        "MEMPROBE_CACHE_BYTES": str(1 << 26),
    }  # fmt: skip
    words = [sys.executable, "-m", "tests.system.breaking", "serve", "--port", str(port), "--log-level", "debug"]
    with log.open("wb") as said:
        process = Popen(words, stdout=said, stderr=STDOUT, env=environment(home, **more), cwd=Path(__file__).parents[2])
    try:
        assert until(lambda: ready(port) or process.poll() is not None) and process.poll() is None, log.read_text()
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield Service(port, log, home, client)
        process.terminate()
        assert process.wait(30) is not None
    finally:
        process.kill()
        process.wait()
    assert MARK not in log.read_text(errors="replace")  # what it says at its end, too


def test_probe(service: Service) -> None:
    def ask(status: int, **body: Any) -> dict[str, Any]:
        answer = service.call("POST", "/v1/probe", json=BODY | body)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    for text in FAILING:
        assert ask(500, input=text)["error"]["message"].startswith("An internal error; the service's log names it")
    found = ask(200, input=[TEXT, "", f"{TEXT} " * 50])
    assert [bool(one["error"]) for one in found["results"]] == [False, True, True]
    assert MARK not in json.dumps(found)
    for wrong in (
        {"model": TEXT}, {"scores": [TEXT]}, {"scores": TEXT}, {"calibration": TEXT}, {"alpha": TEXT}, {TEXT: 1},
        {"input": {TEXT: TEXT}}, {"input": [TEXT] * 300}, {"return_tokens": TEXT}, {"input": [f"{TEXT} " * 8] * 256},
    ):  # fmt: skip
        assert service.call("POST", "/v1/probe", json={**BODY, "input": TEXT, **wrong}).status_code in (404, 422), wrong
    for row in ({"id": TEXT}, {"text": TEXT, TEXT: 1}, {"text": {TEXT: 1}}, 1):  # that row's error, and no other's
        (odd,) = ask(200, input=[row])["results"]
        assert odd["error"] and MARK not in odd["error"]
    for content in (f'{{"input": "{TEXT}', f'"{TEXT}"', f"{TEXT}", f'{{"input": "{TEXT}\\ud800", "model": "{TEXT}"}}'):
        for kind in ("application/json", TEXT.replace(" ", "/")):
            answer = service.call("POST", "/v1/probe", content=content.encode(), headers={"content-type": kind})
            assert answer.status_code in (400, 404, 415, 422)
    assert service.call("POST", "/v1/probe", content=b'"' + TEXT.encode() * 60_000).status_code == 413
    assert service.call("POST", "/v1/aggregates", json=BODY | {"input": [TEXT]}).status_code == 403


def test_names_that_are_texts(service: Service) -> None:
    """A text where an id belongs, on every route that takes one."""
    routes = service.client.get("/openapi.json").json()["paths"]
    for route, methods in routes.items():
        for method in methods:
            if "{name}" in route:
                wrong = {"content": TEXT.encode()} if method == "put" else {}
                answer = service.call(method.upper(), route, at=TEXT, **wrong)
                assert answer.status_code in (404, 422), (method, route, answer.text)
    for route in ("/v1/files", "/v1/batches"):
        for query in ({"after": TEXT}, {"limit": TEXT}, {"purpose": TEXT}, {TEXT: TEXT}):
            service.call("GET", route, params=query)
    for path in (f"/{TEXT}", f"/web/{TEXT}", f"/v1/{TEXT}?{TEXT}"):
        assert service.call("GET", path).status_code == 404
    assert service.call("DELETE", "/v1/probe", params={"x": TEXT}).status_code == 405


def test_files_and_batches(service: Service) -> None:
    def upload(content: bytes, name: str = f"{TEXT}.jsonl", purpose: str = "batch") -> httpx2.Response:
        return service.call("POST", "/v1/files", files={"file": (name, content)}, data={"purpose": purpose})

    def begin(file: str, **metadata: str) -> httpx2.Response:
        body = {"input_file_id": file, "metadata": {"model": "demo", **metadata}}
        return service.call("POST", "/v1/batches", json=body)

    assert upload(b"x", purpose=TEXT).status_code == 422
    rows = [{"text": text} for text in [TEXT, *FAILING]] + [{"id": TEXT, TEXT: TEXT}, {"text": [TEXT]}, TEXT]
    lines = "".join(json.dumps(row) + "\n" for row in rows) + f'{{"text": "{TEXT}\n{TEXT}\n'
    good = upload(lines.encode()).json()["id"]
    for wrong in ({"alpha": TEXT}, {"scores": TEXT}, {"model": TEXT}, {"calibration": TEXT}, {"max_tokens": TEXT}):
        assert begin(good, **wrong).status_code in (404, 422), wrong
    for wrong_body in ({"metadata": {"url": TEXT}}, {"metadata": {TEXT: 1}}, {"endpoint": TEXT}, {TEXT: TEXT}):
        assert service.call("POST", "/v1/batches", json=wrong_body).status_code == 422
    assert begin(TEXT).status_code == 404
    batch = begin(good, **{TEXT: TEXT}).json()["id"]
    found = service.over("/v1/batches/{name}", batch)
    assert found["status"] == "completed" and found["request_counts"]["completed"] == 2, found
    errors = service.client.get(f"/v1/files/{found['error_file_id']}/content").text
    for line in errors.splitlines():
        assert MARK not in json.loads(line)["error"]["message"]
    assert "scoring it fails: OverflowError" in errors
    for act in ("cancel", "pause", "resume"):
        service.call("POST", f"/v1/batches/{{name}}/{act}", at=batch)
    for what in ("summary", "parts", "events"):
        assert service.call("GET", f"/v1/batches/{{name}}/{what}", at=batch).status_code == 200
    service.call("GET", "/v1/batches/{name}/parts/{number}", at="0")
    broken = {
        "headless.csv": f"{TEXT}, and more\n{TEXT}\n".encode(), "cut.jsonl.gz": gzip.compress(lines.encode() * 9)[:-30],
        f"{TEXT}.parquet": TEXT.encode() * 99, "no.json": f'["{TEXT}'.encode(), f"a.{TEXT}": TEXT.encode(),
        "stray.csv": f'text\n"{TEXT}" {TEXT}\n'.encode(), "bytes.jsonl": f'{{"text": "{TEXT}\xff"}}'.encode("latin-1"),
        "column.jsonl": b"{}\n",
    }  # fmt: skip
    for name, content in broken.items():
        file = upload(content, name).json()["id"]
        assert service.call("GET", "/v1/files/{name}/content", at=file).content == content
        column = {"text_column": TEXT} if "column" in name else {}
        service.over("/v1/batches/{name}", begin(file, **column).json()["id"])
        assert service.call("DELETE", "/v1/files/{name}", at=file).status_code == 200
    assert service.call("GET", "/v1/files/{name}", at=good).status_code == 200
    assert service.call("DELETE", "/v1/batches/{name}", at=batch).status_code == 200


def npz(**header: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, header=np.array(json.dumps(header)), **{TEXT: np.zeros(3)})
    return file.getvalue()


def test_calibrations_and_evaluations(service: Service) -> None:
    exported = service.call("GET", "/v1/calibrations/{name}/export", at="demo").content
    for content in (npz(score=TEXT), npz(**{TEXT: TEXT}), TEXT.encode(), exported[:-900] + TEXT.encode() * 20):
        assert service.call("PUT", "/v1/calibrations/{name}", at="mine", content=content).status_code == 422
    assert service.call("PUT", "/v1/calibrations/{name}", at=TEXT, content=exported).status_code == 422
    for text in FAILING:
        texts = [f"{n}. {TEXT}" for n in range(30)] + [text]
        asked = {"model": "demo", "name": f"of-{FAILING.index(text)}", "nonmembers": texts}
        made = service.call("POST", "/v1/calibrations", json=asked).json()
        assert service.over("/v1/calibrations/{name}", made["id"])["status"] == "failed"
        service.call("POST", "/v1/calibrations/{name}/cancel", at=made["id"])
        labelled = {"members": texts, "nonmembers": [f"Other {one}" for one in texts]}
        made = service.call("POST", "/v1/evaluations", json=BODY | labelled).json()
        assert service.over("/v1/evaluations/{name}", made["id"])["status"] == "failed"
        for part in ("report", "pictures/{picture}"):
            assert service.call("GET", f"/v1/evaluations/{{name}}/{part}", at=made["id"]).status_code == 422
        service.call("POST", "/v1/evaluations/{name}/cancel", at=made["id"])
        service.call("DELETE", "/v1/evaluations/{name}", at=made["id"])
    few = {"model": "demo", "name": "few", "nonmembers": [TEXT, TEXT, {"text": TEXT, "source": TEXT}]}
    service.over("/v1/calibrations/{name}", service.call("POST", "/v1/calibrations", json=few).json()["id"])
    for wrong in ({"name": TEXT}, {"placebo": TEXT}, {"seed": TEXT}, {"members": TEXT}, {"name": "demo"}):
        assert service.call("POST", "/v1/calibrations", json=few | wrong).status_code in (404, 422), wrong
    assert service.call("DELETE", "/v1/calibrations/{name}", at="demo").status_code == 422
    for wrong in ({"members": [TEXT]}, {"members": [TEXT], "nonmembers": [TEXT]}, {"members": TEXT}, {"seed": TEXT}):
        assert service.call("POST", "/v1/evaluations", json=BODY | wrong).status_code == 422


def test_documents_and_personal_data(service: Service) -> None:
    def upload(content: bytes, name: str, **form: str) -> httpx2.Response:
        return service.call("POST", "/v1/documents", files={"file": (name, content)}, data=SHAPE | form)

    odd = {TEXT: TEXT, "META-INF/container.xml": f"<a><b>{TEXT}</a>"}
    renamed = io.BytesIO()
    with ZipFile(renamed, "w") as archive:
        archive.writestr(TEXT, TEXT)
    for content, name in (
        (TEXT.encode(), f"{TEXT}.exe"), (f"%PDF-1.4 {TEXT}".encode() * 50, "a.pdf"), (as_epub([TEXT], **odd), "a.epub"),
        (TEXT.encode() * 9, "b.epub"), (f"{TEXT}\0".encode() * 99, "a.txt"), (renamed.getvalue(), "c.epub"),
    ):  # fmt: skip
        assert upload(content, name).status_code == 422, name
    for form in ({"model": TEXT}, {"alpha": TEXT}, {"prefix": TEXT}, {"calibration": TEXT}):
        assert upload(TEXT.encode(), "a.txt", **form).status_code in (404, 422), form
    for text in FAILING:
        made = upload(f"{TEXT}.\n\n{text}\n".encode() * 8, f"{TEXT}.txt").json()
        assert service.over("/v1/documents/{name}", made["id"])["status"] == "failed"
        assert MARK in service.call("GET", "/v1/documents/{name}/text", at=made["id"]).text
        assert service.call("GET", "/v1/documents/{name}/report", at=made["id"]).status_code == 422
        written = service.call("POST", "/v1/documents/{name}/passages/{number}/continuation", at=made["id"])
        assert written.status_code == 422
        service.call("POST", "/v1/documents/{name}/cancel", at=made["id"])
        assert service.call("DELETE", "/v1/documents/{name}", at=made["id"]).status_code == 200
        asked = BODY | {"input": [f"{text} 482613"], "presidio": False, "patterns": {MARK: r"(\d{6})"}, "fillers": 100}
        made = service.call("POST", "/v1/pii", json=asked).json()
        service.over("/v1/pii/{name}", made["id"])
        service.call("POST", "/v1/pii/{name}/cancel", at=made["id"])
        service.call("DELETE", "/v1/pii/{name}", at=made["id"])
    for wrong in ({"patterns": {TEXT: "("}}, {"patterns": {"A": f"{TEXT}("}}, {"fillers": TEXT}, {"input": {TEXT: 1}}):
        assert service.call("POST", "/v1/pii", json=BODY | {"input": TEXT} | wrong).status_code == 422, wrong
    made = service.call("POST", "/v1/pii", json=BODY | {"input": TEXT, "language": TEXT}).json()
    assert service.over("/v1/pii/{name}", made["id"])["status"] == "failed"


def test_broken_lines(service: Service) -> None:
    """What is no HTTP, what ends in the middle, and who does not wait for the answer."""
    for content in (
        f"GET /{quote(TEXT)} HTTP/9.9\r\n\r\n", f"{TEXT}\r\n\r\n", f"GET / HTTP/1.1\r\n{TEXT}\r\n\r\n",
        f"POST /v1/probe HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n{TEXT}",
        f"POST /v1/probe HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{TEXT}\r\n",
        "POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\nContent-Type: multipart/form-data; boundary=b"
        f'\r\n\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="{TEXT}"\r\n\r\n{TEXT}',
        "POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 90\r\nContent-Type: multipart/form-data; boundary=b"
        f"\r\n\r\n--c {TEXT}" + "x" * 99,
    ):  # fmt: skip
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as line:
            line.sendall(content.encode())
            line.settimeout(0.3)
            with suppress(TimeoutError):
                assert MARK.encode() not in line.recv(65536)
    body = json.dumps(BODY | {"input": [FAILING[0]] * 30})
    head = (
        f"POST /v1/probe HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", service.port)) as line:
            line.sendall(f"{head}{body}".encode())
    assert service.call("GET", "/healthz").status_code == service.call("GET", "/readyz").status_code == 200


def test_every_route_was_called(service: Service) -> None:
    for path in ("/v1/models", "/v1/calibrations", "/v1/evaluations", "/v1/documents", "/v1/pii", "/v1/files"):
        assert service.call("GET", path).status_code == 200
    for path in ("/v1/batches", "/metrics"):
        service.call("GET", path)
    for method in ("POST", "DELETE"):
        service.call(method, "/v1/session")
    for path in ("/v1/pii/{name}/report", "/v1/pii/{name}/csv"):
        assert service.call("GET", path, at=TEXT).status_code == 404
    paths = service.client.get("/openapi.json").json()["paths"]
    routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert sorted(routes - service.called) == []


def test_a_store_and_a_database_that_are_away(service: Service) -> None:
    """The last: what follows has no database."""
    content = {"file": (f"{TEXT}.jsonl", json.dumps({"text": TEXT}).encode())}
    file = service.call("POST", "/v1/files", files=content, data={"purpose": "batch"}).json()["id"]
    store = service.home / "store"
    store.rename(service.home / "away")
    store.write_text(TEXT)
    waiting = service.call("POST", "/v1/batches", json={"input_file_id": file, "metadata": BODY})
    for method, route in (("GET", "/v1/files/{name}/content"), ("DELETE", "/v1/files/{name}")):
        assert service.call(method, route, at=file).status_code in (422, 500)
    assert service.call("POST", "/v1/files", files=content, data={"purpose": "batch"}).status_code == 500
    if waiting.status_code == 200:
        service.call("DELETE", "/v1/batches/{name}", at=waiting.json()["id"])
    for path in service.home.glob("scans.sqlite*"):
        path.write_bytes(TEXT.encode() * 2000)
    for method, route in (("GET", "/v1/files"), ("GET", "/v1/batches"), ("GET", "/v1/files/{name}")):
        assert service.call(method, route).status_code == 500
    assert service.call("POST", "/v1/batches", json={"input_file_id": file, "metadata": BODY}).status_code == 500
    time.sleep(1.5)  # its worker looks for work meanwhile


def test_nothing_of_it_was_said(service: Service) -> None:
    """And all that was to be said is there: which kinds of errors there were, and where."""
    said = service.said
    assert MARK not in said, [line for line in said.splitlines() if MARK in line][:9]
    for kind in ("OverflowError", "MemoryError", "KeyError", "AssertionError", "ValueError", "LookupError"):
        assert kind in said, kind
    assert "breaking.py" in said and '"route": "/v1/probe", "status": 500' in said
