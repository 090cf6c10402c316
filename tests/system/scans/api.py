"""The routes of batches as any HTTP client calls them; what OpenAI's own client lacks, too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

from tests.system.scans.helper import OVER, until

Answer = dict[str, Any]


class Api:
    """Of a service on the loopback; whatever it refuses fails the test."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}/v1"

    def upload(self, path: Path) -> str:
        """Returns the file's id."""
        mark = uuid4().hex
        fields = (
            f'--{mark}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
            f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n\r\n'
        )
        body = fields.encode() + path.read_bytes() + f"\r\n--{mark}--\r\n".encode()
        kind = {"content-type": f"multipart/form-data; boundary={mark}"}
        return str(self._json(Request(f"{self._base}/files", body, kind))["id"])

    def batch(self, file: str, **metadata: str) -> Answer:
        body = {"input_file_id": file, "endpoint": "/v1/probe", "metadata": {"model": "demo", **metadata}}
        return self.post("batches", body)

    def get(self, path: str) -> Answer:
        return self._json(Request(f"{self._base}/{path}"))

    def post(self, path: str, body: Answer | None = None) -> Answer:
        data = json.dumps(body or {}).encode()
        return self._json(Request(f"{self._base}/{path}", data, {"content-type": "application/json"}))

    def delete(self, path: str) -> Answer:
        return self._json(Request(f"{self._base}/{path}", method="DELETE"))

    def raw(self, path: str) -> bytes:
        return self._read(Request(f"{self._base}/{path}"))

    def content(self, file: str | None) -> list[Answer]:
        """Returns the lines of a file; none where there is no file."""
        return [json.loads(line) for line in self.raw(f"files/{file}/content").splitlines()] if file else []

    def finished(self, batch: str) -> Answer:
        """Waits until a batch is over."""
        assert until(lambda: self.get(f"batches/{batch}")["status"] in OVER, every=0.2), self.get(f"batches/{batch}")
        return self.get(f"batches/{batch}")

    def scanned(self, path: Path, **metadata: str) -> Answer:
        """Hands in a file; returns its batch, over."""
        return self.finished(self.batch(self.upload(path), **metadata)["id"])

    def _json(self, request: Request) -> Answer:
        found: Answer = json.loads(self._read(request))
        return found

    def _read(self, request: Request) -> bytes:
        try:
            with urlopen(request, timeout=60) as response:
                found: bytes = response.read()
                return found
        except HTTPError as error:
            with error:
                raise AssertionError(f"{request.get_method()} {request.full_url}: {error.read().decode()}") from error
