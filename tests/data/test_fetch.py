"""Rows by URL from a real server: whole, moved, refused, silent and broken off."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from probe.data import fetch
from probe.data.fetch import Interrupted
from probe.data.rows import Raw, rows
from probe.errors import InputError

LINES = "".join(json.dumps({"text": f"text {n}"}) + "\n" for n in range(5000)).encode()


class Server(BaseHTTPRequestHandler):
    files: ClassVar[dict[str, bytes]] = {"/x.jsonl": LINES}
    asked: ClassVar[list[str]] = []
    over: ClassVar[threading.Event] = threading.Event()

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "/x.jsonl")
            self.end_headers()
        elif self.path.startswith("/cut"):
            self.send_response(200)
            self.send_header("Content-Length", str(len(LINES)))
            self.end_headers()
            self.wfile.write(LINES[: len(LINES) // 2])
        elif self.path.startswith("/silent"):
            self.send_response(200)
            self.send_header("Content-Length", "10")
            self.end_headers()
            self.wfile.flush()
            self.over.wait(10)
        elif self.path in self.files:
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.files[self.path])))
            self.end_headers()
            self.wfile.write(self.files[self.path])
        else:
            self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    Server.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


def read(url: str) -> list[object]:
    return [row.value["text"] if isinstance(row, Raw) else row for row in rows(url).rows]


def test_rows_come_by_url(base: str, tmp_path: Path) -> None:
    expected = [f"text {n}" for n in range(5000)]
    assert read(f"{base}/x.jsonl") == expected
    pq.write_table(pa.table({"text": expected}), tmp_path / "x.parquet")
    Server.files["/x.parquet"] = (tmp_path / "x.parquet").read_bytes()
    assert read(f"{base}/x.parquet") == expected


def test_a_redirect_is_not_followed(base: str) -> None:
    before = len(Server.asked)
    with pytest.raises(InputError, match=r"answers 302 \(it moved to /x.jsonl: name that address\)"):
        read(f"{base}/moved.jsonl")
    assert Server.asked[before:] == ["/moved.jsonl"]
    with pytest.raises(InputError, match="answers 404"):
        read(f"{base}/absent.jsonl")


def test_a_connection_that_breaks_off_is_no_end(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Interrupted, match="broke off"):
        read(f"{base}/cut.jsonl")
    monkeypatch.setattr(fetch, "PATIENCE", 0.3)
    with pytest.raises(Interrupted, match="broke off"):
        read(f"{base}/silent.jsonl")
    with pytest.raises(Interrupted, match="cannot be opened"):
        read("http://127.0.0.1:9/x.jsonl")
