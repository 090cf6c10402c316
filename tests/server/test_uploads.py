"""What is told of an upload before anything of it is kept."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient


@pytest.mark.parametrize("name", ["rows.exe", "rows.exe.gz", "a.pdf", "a.jsonl.zip"])
def test_a_kind_that_nobody_reads_is_refused(client: TestClient, name: str) -> None:
    answer = client.post("/v1/files", files={"file": (name, b"x")}, data={"purpose": "batch"})
    error = answer.json()["error"]
    assert answer.status_code == 422 and error["param"] == "file" and "use .jsonl" in error["message"]
    assert client.get("/v1/files").json()["data"] == []


@pytest.mark.parametrize("name", ["rows.v2.jsonl", "ROWS.CSV", "rows.tsv.gz", "rows", "rows.parquet.zst"])
def test_a_kind_that_is_read_is_taken(client: TestClient, name: str) -> None:
    made = client.post("/v1/files", files={"file": (name, b"x")}, data={"purpose": "batch"})
    assert made.status_code == 200
    assert client.delete(f"/v1/files/{made.json()['id']}").status_code == 200


@pytest.mark.parametrize(("path", "form"), [("/v1/files", {"purpose": "batch"}), ("/v1/documents", {"model": "demo"})])
def test_several_files_in_one_request_are_refused(client: TestClient, path: str, form: dict[str, str]) -> None:
    """Of parts of one name a form gives the last: the others would be lost without a word."""
    every = [("file", (f"{number}.txt", b"Some text.")) for number in range(5)]
    answer = client.post(path, files=every, data=form)
    error = answer.json()["error"]
    assert answer.status_code == 422 and error["param"] == "file" and "5 files came" in error["message"]
    assert client.get(path).json()["data"] == []


@pytest.mark.parametrize(("path", "form"), [("/v1/files", {"purpose": "batch"}), ("/v1/documents", {"model": "demo"})])
def test_a_field_in_the_place_of_a_file_is_told(client: TestClient, path: str, form: dict[str, str]) -> None:
    answer = client.post(path, files={"file": (None, "Some text.")}, data=form)
    error = answer.json()["error"]
    assert answer.status_code == 422 and error["param"] == "file" and "has no file name" in error["message"]


def test_an_empty_calibration_is_told(client: TestClient) -> None:
    answer = client.put("/v1/calibrations/none", content=b"", headers={"Content-Type": "application/octet-stream"})
    assert answer.status_code == 422 and answer.json()["error"]["message"] == "The body is empty."
