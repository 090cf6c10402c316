"""A marker text, sent in every way that the service can be made to fail by: it stands in no log, at any level."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.request import urlopen
from uuid import uuid4

import pytest

from tests.system.conftest import Running, started
from tests.system.raw import Raw, request
from tests.system.scans.api import Api
from tests.system.scans.helper import until

MARK = "zyzzyva-marker"
TEXT = f"The value of {MARK} must be given before the first call, or an error is raised by the function."


def probe(body: object, *headers: str) -> bytes:
    return request("/v1/probe", json.dumps(body).encode(), *headers)


def upload(path: str, name: str, content: bytes) -> bytes:
    mark = uuid4().hex
    body = (
        f'--{mark}\r\nContent-Disposition: form-data; name="model"\r\n\r\ndemo\r\n--{mark}\r\nContent-Disposition: '
        f'form-data; name="file"; filename="{name}"\r\n\r\n'
    ).encode() + content + f"\r\n--{mark}--\r\n".encode()  # fmt: skip
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary={mark}\r\n"
    return head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body


_KNOWN = json.dumps({"name": MARK, "model": "demo", "nonmembers": [TEXT]}).encode()
WAYS = {
    "answered": probe({"model": "demo", "input": [TEXT, {"id": MARK, "text": TEXT}], "return_tokens": True}),
    "model": probe({"model": MARK, "input": TEXT}),
    "score": probe({"model": "demo", "input": TEXT, "scores": [MARK]}),
    "field": probe({"model": "demo", "input": TEXT, MARK: TEXT}),
    "type": probe({"model": "demo", "input": {"text": TEXT}, "alpha": MARK}),
    "no json": request("/v1/probe", f'{{"input": {MARK}'.encode()),
    "no unicode": request("/v1/probe", b'{"model": "demo", "input": "\xff ' + MARK.encode() + b'"}'),
    "surrogate": request("/v1/probe", f'{{"model": "demo", "input": "{MARK} \\ud800"}}'.encode()),
    "too large": request("/v1/probe", b"x" * 100, f"X-{MARK}: {MARK}", length=9_000_000),
    "path": request(f"/{MARK}/{MARK}?{MARK}={MARK}"),
    "id": request(f"/v1/calibrations/{MARK}?{MARK}"),
    "escapes": request(f"/v1/files/%00%ff{MARK}"),
    "method": request("/healthz", method=MARK.upper()),
    "header": request("/healthz", None, f"X-Request-ID: {MARK} {MARK}", f"Cookie: {MARK}"),
    "upgrade": request("/healthz", None, "Connection: Upgrade", f"Upgrade: {MARK}"),
    "line": f"{MARK} {MARK}\r\n\r\n".encode(),
    "endless": request("/" + MARK * 3000),
    "document": upload("/v1/documents", f"{MARK}.pdf", f"%PDF-1.7 {MARK}".encode()),
    "broken form": request("/v1/documents", MARK.encode(), f"Content-Type: multipart/form-data; boundary={MARK}"),
    "pattern": request("/v1/pii", json.dumps({"model": "demo", "input": TEXT, "patterns": {"X": f"({MARK}"}}).encode()),
    "calibration": request("/v1/calibrations", _KNOWN),
    "import": request(f"/v1/calibrations/{MARK}", MARK.encode() * 10, method="PUT"),
}  # fmt: skip


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_way_leads_a_text_into_the_log(tmp_path: Path, form: str) -> None:
    with started(tmp_path, "--log-level", "debug", MEMPROBE_LOG_FORMAT=form) as running:
        for name, sent in WAYS.items():
            with Raw(running.port) as client:
                client.send(sent)
                assert client.socket.recv(1 << 16).startswith(b"HTTP/1.1 "), name
        source = tmp_path / f"{MARK}.jsonl"
        source.write_text(json.dumps({"id": MARK, "text": TEXT}) + f"\n{MARK}\n" + json.dumps({"text": [MARK]}) + "\n")
        api = Api(running.port)
        batch = api.batch(api.upload(source), note=MARK)["id"]
        assert until(lambda: api.get(f"batches/{batch}")["status"] in ("completed", "failed"))
        assert until(lambda: not _busy(running))
        said = running.log.read_text()
        assert said.count("Answered.") >= len(WAYS) - 5 and MARK not in said.lower(), said
        assert "Traceback" not in said
        if form == "json":
            assert all("time" in json.loads(line) for line in said.splitlines())


def _busy(running: Running) -> bool:
    with urlopen(f"{running.base}/metrics", timeout=60) as answer:
        told = answer.read().decode()
    return 'status="running"} 1' in told or 'status="queued"} 1' in told
