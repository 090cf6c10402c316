"""Bombs uploaded to a real service: it says what they are, takes little memory for it, and answers others meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.data.test_bombs import BOMBS
from tests.system.conftest import free_port
from tests.system.scans.api import Api
from tests.system.scans.helper import OVER, begun, environment, ready, until

UPLOADED = ("line.jsonl.gz", "line.csv.zst", "wide.parquet", "repeated.parquet", "table.parquet.zst", "values.jsonl")


def peak(pid: int) -> int:
    """Returns the most memory that a process took so far, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) >> 10


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[Api, int]]:
    port, log = free_port(), tmp_path / "log"
    with begun(log, environment(tmp_path / "home"), "serve", "--port", str(port)) as process:
        assert until(lambda: ready(port) or process.poll() is not None), log.read_text()
        yield Api(port), process.pid


def test_bombs(service: tuple[Api, int], tmp_path: Path) -> None:
    api, pid = service
    asked = {"model": "demo", "input": "The value is returned as it stands."}
    expected = api.post("probe", asked)["results"]
    before = peak(pid)
    for name in UPLOADED:
        make, _, said = BOMBS[name]
        make(tmp_path / name)
        batch = api.batch(api.upload(tmp_path / name))["id"]
        while (found := api.get(f"batches/{batch}"))["status"] not in OVER:
            assert api.post("probe", asked)["results"] == expected
        lines = api.content(found["error_file_id"]) if found["error_file_id"] else []
        reasons = [line["error"]["message"] for line in lines] + [json.dumps(found["errors"])]
        assert any(said in reason for reason in reasons), (name, reasons[-3:])
        assert api.delete(f"batches/{batch}")["deleted"]
    assert peak(pid) - before < 700, (before, peak(pid))
