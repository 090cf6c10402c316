"""Documents and personal data over HTTP, and the page's files."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from markupsafe import escape
from starlette.testclient import TestClient

from probe.demo.records import planted
from probe.demo.run import SEED
from tests.documents.made import as_epub, as_pdf, blank_pdf, paragraphs
from tests.server.test_calibrations import client

__all__ = ["client"]  # the fixture: a service of its own for each test
TEXTS = paragraphs(12)
SHAPE = {"model": "demo", "prefix": "12", "suffix": "12"}


def finished(client: TestClient, path: str) -> dict[str, Any]:
    for _ in range(900):
        found: dict[str, Any] = client.get(path).json()
        if found["status"] not in ("queued", "running"):
            return found
        time.sleep(0.1)
    raise AssertionError("it takes too long")


def upload(client: TestClient, content: bytes, name: str, **form: str) -> Any:
    return client.post("/v1/documents", files={"file": (name, content)}, data=SHAPE | form)


def test_from_an_upload_to_a_report(client: TestClient) -> None:
    answer = upload(client, as_epub(TEXTS), "book.epub", generate="2", samples="3")
    begun = answer.json()
    assert answer.status_code == 202 and begun["name"] == "book.epub" and begun["paragraphs"] == len(TEXTS)
    path = f"/v1/documents/{begun['id']}"
    assert client.get(f"{path}/text").text.split("\n\n") == TEXTS  # while the model reads it
    found = finished(client, path)
    assert found["status"] == "completed", found["error"]
    document = found["document"]
    assert document["windows"]["prefix"] == 12 and len(document["continuations"]) == 2
    assert all(one["written"] and one["sampled"]["count"] == 3 for one in document["continuations"])
    assert found["progress"]["done"] == found["progress"]["total"] > 0
    assert_the_model_goes_on(client, path, document)
    report = client.get(f"{path}/report")
    assert report.status_code == 200 and "What this does not prove" in report.text
    policy = report.headers["content-security-policy"]  # it holds a stranger's words
    assert "sandbox" in policy and "script" not in policy and report.headers["x-content-type-options"] == "nosniff"
    assert any(text[:30] in report.text for text in TEXTS)
    (listed,) = client.get("/v1/documents").json()["data"]
    assert listed["id"] == begun["id"] and listed["document"] is None
    assert client.delete(path).json()["deleted"]
    assert client.get(path).status_code == client.get(f"{path}/text").status_code == 404


def assert_the_model_goes_on(client: TestClient, path: str, document: dict[str, Any]) -> None:
    """To any passage, on request."""
    text = client.get(f"{path}/text").text
    for passage in document["passages"][1:4]:
        answer = client.post(f"{path}/passages/{passage['number']}/continuation", params={"samples": 2})
        one = answer.json()["continuation"]
        assert answer.status_code == 200 and one["written"] and one["sampled"]["count"] == 2
        first, last = sorted((passage["start"], one["middle"]))
        assert len(text[first:last].split()) <= 10  # windows are 10 tokens apart
        assert one["middle"] < passage["end"] and one["end"] > passage["start"]
        kept = client.get(path).json()["document"]["continuations"]
        assert one in kept and [each["start"] for each in kept] == sorted(each["start"] for each in kept)
        assert escape(one["written"].strip()) in client.get(f"{path}/report").text
    number = document["passages"][-1]["number"]
    usage = client.post(f"{path}/passages/{number}/continuation", params={"samples": 2}).json()["usage"]
    assert usage == {"tokens": 13 + 12 + 13 + 2 * 12}  # BOS and prefix twice, suffix three times
    with ThreadPoolExecutor(3) as threads:
        asked = [threads.submit(client.post, f"{path}/passages/{number}/continuation?samples=50") for _ in range(3)]
    statuses = sorted(one.result().status_code for one in asked)
    assert statuses[0] == 200 and set(statuses) <= {200, 429}
    for wrong, status in ((len(document["passages"]) + 1, 404), (0, 404), ("x", 422)):
        assert client.post(f"{path}/passages/{wrong}/continuation").status_code == status
    assert client.post(f"{path}/passages/2/continuation", params={"samples": 51}).status_code == 422


@pytest.mark.parametrize(
    ("content", "name", "form", "said"),
    [
        (b"x", "a.exe", {}, "ending is not known"),
        (blank_pdf(2), "a.pdf", {}, "holds no text"),
        (as_pdf(TEXTS, password="x"), "a.pdf", {}, "is encrypted"),
        (b"PK\3\4", "a.epub", {}, "damaged"),
        (b"some text", "a.txt", {"prefix": "0"}, "1 at least"),
        (b"some text", "a.txt", {"stride": "9" * 25}, "1,000,000 at most"),
        (b"some text", "a.txt", {"temperature": "0"}, "above 0"),
        (b"some text", "a.txt", {"temperature": "nan"}, "above 0"),
        (b"some text", "a.txt", {"samples": "2"}, "say of how many"),
        (b"some text", "a.txt", {"prefiks": "5"}, "prefiks"),
    ],
)
def test_what_cannot_be_read_is_told_at_once(
    client: TestClient, content: bytes, name: str, form: dict[str, str], said: str
) -> None:
    answer = upload(client, content, name, **form)
    assert answer.status_code == 422 and said in answer.json()["error"]["message"]
    assert client.get("/v1/documents").json()["data"] == []


def test_a_document_s_sampler_and_number_of_windows(client: TestClient) -> None:
    begun = upload(client, as_epub(TEXTS), "book.epub", temperature="0.5", top_k="3", most="1", alpha="0.05").json()
    found = finished(client, f"/v1/documents/{begun['id']}")["document"]
    windows = {name: found["windows"][name] for name in ("temperature", "top_k", "scored")}
    assert windows == {"temperature": 0.5, "top_k": 3, "scored": 1} and found["alpha"] == 0.05


def test_samples_are_drawn_by_the_document_s_sampler(client: TestClient) -> None:
    """By top-k 1 they are the greedy ones, in the job and on request."""
    form = {"prefix": "12", "suffix": "6", "generate": "1", "samples": "2", "top_k": "1"}
    path = f"/v1/documents/{upload(client, as_epub(TEXTS), 'book.epub', **form).json()['id']}"
    (one,) = finished(client, path)["document"]["continuations"]
    other = client.post(f"{path}/passages/2/continuation", params={"samples": 2}).json()["continuation"]
    for each in (one, other):
        assert each["written"] and each["sampled"]["nearest"] == each["written"]


def test_jobs_are_found_by_their_id_alone(client: TestClient) -> None:
    upload(client, as_epub(TEXTS), "book.epub")
    body = {"model": "demo", "input": "Call 555 123 4567.", "presidio": False, "patterns": {"a=b": r"\d+"}}
    begun = client.post("/v1/pii", json=body | {"fillers": 100}).json()
    for path in ("/v1/documents/demo", "/v1/pii/demo"):
        assert client.get(path).status_code == client.delete(path).status_code == 404
    assert len(client.get("/v1/documents").json()["data"]) == len(client.get("/v1/pii").json()["data"]) == 1
    found = finished(client, f"/v1/pii/{begun['id']}")["pii"]
    assert [one["kind"] for one in found["data"]] == ["a=b"] * 3  # a name may be any, and is not taken apart


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "no text to search"), ([], "no text to search"), ([" ", {"id": "x", "text": "\n"}], "no text to search"),
        (["fine", "\ud800"], "Text 2 is no Unicode"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_is_told_at_once(client: TestClient, given: Any, said: str) -> None:
    content = json.dumps({"model": "demo", "input": given, "presidio": False})
    answer = client.post("/v1/pii", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422 and said in answer.json()["error"]["message"]
    assert client.get("/v1/pii").json()["data"] == []


def test_unknown_names(client: TestClient) -> None:
    assert upload(client, b"some text", "a.txt", model="none").status_code == 404
    assert upload(client, b"some text", "a.txt", calibration="none").status_code == 404
    for path in ("/v1/documents/none", "/v1/documents/none/text", "/v1/pii/none", "/web/none.js", "/web/..%2Fapp.py"):
        assert client.get(path).status_code == 404, path


def test_a_document_that_cannot_be_scored_fails_by_name(client: TestClient) -> None:
    found = finished(client, f"/v1/documents/{upload(client, b'Hi.', 'a.txt').json()['id']}")
    assert found["status"] == "failed" and "fewer than 4 tokens" in found["error"]
    early = client.get(f"/v1/documents/{found['id']}/report")
    assert early.status_code == 422 and "is failed" in early.json()["error"]["message"]


def test_personal_data_are_masked(client: TestClient) -> None:
    record = next(one for one in planted(SEED) if one.times == 32)
    body = {
        "model": "demo", "input": [{"id": "r", "text": record.text}], "presidio": False, "fillers": 200,
        "patterns": {"PHONE": r"Phone: 555 (\d{3} \d{4})"},
    }  # fmt: skip
    for values in (False, True):
        answer = client.post("/v1/pii", json=body | {"values": values})
        assert answer.status_code == 202
        found = finished(client, f"/v1/pii/{answer.json()['id']}")
        (one,) = found["pii"]["data"]
        assert one["text"] == "r" and one["rank"] == 1 and (one["value"] == record.phone[4:]) is values
        assert (record.phone[4:] in str(found)) is values
        path = f"/v1/pii/{answer.json()['id']}"
        page, rows = client.get(f"{path}/report"), client.get(f"{path}/csv")
        assert "sandbox" in page.headers["content-security-policy"] and "exposure" in page.text
        assert rows.headers["content-type"].startswith("text/csv") and rows.text.count("\n") == 2
        assert all((record.phone[4:] in one.text) is values for one in (page, rows))
    assert len(client.get("/v1/pii").json()["data"]) == 2
    assert client.post("/v1/pii", json=body | {"patterns": {"X": "("}}).status_code == 422
    assert client.post("/v1/pii", json=body | {"fillers": 5}).status_code == 422


def test_every_answer_lets_nothing_else_in(client: TestClient) -> None:
    document = upload(client, as_epub(TEXTS), "book.epub").json()
    for path in ("/docs", "/openapi.json", "/v1/models", "/v1/none", f"/v1/documents/{document['id']}/text"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer", path
    assert client.get("/redoc").status_code == 404
    assert not re.search("https?://", client.get("/docs").text + client.get("/web/docs.js").text)


def test_the_page_lets_nothing_else_in(client: TestClient) -> None:
    home = client.get("/")
    policy = home.headers["content-security-policy"]
    assert home.headers["content-type"].startswith("text/html") and "default-src 'none'" in policy
    assert "unsafe" not in policy and "http" not in policy
    names = [*re.findall(r'(?:src|href)="(/web/[\w.]+)"', home.text)]
    for name in names:  # grows by what each imports
        one = client.get(name)
        assert one.status_code == 200 and one.headers["content-security-policy"] == policy, name
        names += [other for other in re.findall(r'"(/web/[\w.]+)"', one.text) if other not in names]
    assert len(names) >= 9
    assert not re.search(r"\son\w+=|<style|style=|javascript:|https?://(?!www\.w3\.org)", home.text)
