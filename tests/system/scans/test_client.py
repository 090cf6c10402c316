"""OpenAI's own client against a real service: upload, batch, poll, download; cancel, list, delete."""

from __future__ import annotations

import importlib.util
import io
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.system.conftest import Running
from tests.system.scans.api import Api
from tests.system.scans.helper import (
    OVER,
    Line,
    assert_each_row_once,
    assert_parts_hold_each_row_once,
    numbered,
    until,
)

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types import Batch

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("openai") is None, reason="OpenAI's client is not installed: pip install openai"
)
HASTE = 600.0  # seconds for a batch of the least rows; more rows take more
MANY = 150_000  # rows whose reading takes some seconds


@pytest.fixture(scope="module")
def client(running: Running) -> Iterator[OpenAI]:
    from openai import OpenAI

    with OpenAI(base_url=f"{running.base}/v1", api_key="none", max_retries=0) as made:
        yield made


def uploaded(client: OpenAI, name: str, content: bytes) -> str:
    file = client.files.create(file=(name, content), purpose="batch")
    assert (file.object, file.filename, file.bytes, file.purpose) == ("file", name, len(content), "batch")
    return file.id


def jsonl(rows: list[Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def create(client: OpenAI, file: str, **metadata: str) -> Batch:
    return client.batches.create(
        input_file_id=file, endpoint="/v1/probe", completion_window="24h", metadata={"model": "demo", **metadata}
    )


def over(client: OpenAI, batch: Batch, rows: int = 0) -> Batch:
    assert until(lambda: client.batches.retrieve(batch.id).status in OVER, HASTE + rows / 10, every=0.2)
    return client.batches.retrieve(batch.id)


def downloaded(client: OpenAI, file: str | None) -> list[Line]:
    return [json.loads(line) for line in client.files.content(file).text.splitlines()] if file else []


def envelope(row: Line, **body: Any) -> Line:
    body = {"model": "demo", "input": row["text"], **body}
    return {"custom_id": row["id"], "method": "POST", "url": "/v1/probe", "body": body}


def counts(batch: Batch) -> tuple[int, int, int]:
    found = batch.request_counts
    assert found
    return found.total, found.completed, found.failed


def test_envelopes_come_back_in_order_under_their_custom_ids(client: OpenAI, api: Api, rows: int) -> None:
    asked = [envelope(row) for row in numbered(rows)]
    batch = create(client, uploaded(client, "asked.jsonl", jsonl(asked)), mine="kept")
    assert batch.object == "batch" and batch.endpoint == "/v1/probe" and batch.completion_window == "24h"
    batch = over(client, batch, rows)
    assert batch.status == "completed" and batch.error_file_id is None, batch
    assert batch.metadata == {"model": "demo", "mine": "kept"} and counts(batch) == (rows, rows, 0)
    moments = batch.created_at, batch.in_progress_at, batch.finalizing_at, batch.completed_at
    assert None not in moments and sorted(moments) == list(moments)  # type: ignore[type-var]
    found = downloaded(client, batch.output_file_id)
    assert [line["custom_id"] for line in found] == [row["custom_id"] for row in asked]
    assert_each_row_once(found, [], rows)
    for line in found:
        response = line["response"]
        assert line["error"] is None and response["status_code"] == 200
        (result,) = response["body"]["results"]
        assert result["id"] == line["custom_id"] and result["verdict"] and 0 < result["p_value"] <= 1
        # sentences of one form, unlike the calibration's texts: their p-values have no part in a decision on many
        assert result["gates"]["blind"] == "fail" and result["q_value"] is None
    summary = api.get(f"batches/{batch.id}/summary")
    assert summary["rows"] == rows == sum(summary["verdicts"].values()) and summary["errors"] == {}


def test_parquet_comes_back_row_by_row_as_jsonl_and_as_parts(
    client: OpenAI, api: Api, rows: int, tmp_path: Path
) -> None:
    given, file = numbered(rows), io.BytesIO()
    pq.write_table(pa.Table.from_pylist(given).select(["text", "id"]), file)
    batch = over(client, create(client, uploaded(client, "rows.parquet", file.getvalue())), rows)
    assert batch.status == "completed" and counts(batch) == (rows, rows, 0), batch
    found = downloaded(client, batch.output_file_id)
    assert [line["custom_id"] for line in found] == [row["id"] for row in given]
    assert_each_row_once(found, [], rows)
    parts: list[Path] = []
    for number in api.get(f"batches/{batch.id}/parts")["data"]:
        parts.append(tmp_path / f"{number}.parquet")
        parts[-1].write_bytes(api.raw(f"batches/{batch.id}/parts/{number}"))
    assert_parts_hold_each_row_once(parts, rows)


def test_the_error_file_names_each_bad_row_and_its_neighbours_stand(client: OpenAI) -> None:
    lines = [json.dumps(envelope(row)) for row in numbered(100)]
    reasons = {
        10: (json.dumps(envelope({"id": "r10", "text": "x"}) | {"url": "/v1/chat/completions"}), "only POST /v1/probe"),
        20: (json.dumps(envelope({"id": "r20", "text": "x"}, model="other")), "body.model is not demo"),
        30: (json.dumps(envelope({"id": "r30", "text": 5})), "body.input must be"),
        40: (json.dumps(envelope({"id": "r39", "text": "the id of the row before"})), "an earlier row"),
        50: ("not JSON", "invalid JSON"),
        60: (json.dumps(envelope({"id": "r60", "text": ""})), "the text is empty"),
        70: (json.dumps(envelope({"id": "r70", "text": "x"}, alpha=0.5)), "body.alpha differs"),
    }
    for number, (line, _) in reasons.items():
        lines[number - 1] = line
    batch = over(client, create(client, uploaded(client, "bad.jsonl", "\n".join(lines).encode())))
    assert batch.status == "completed" and counts(batch) == (100, 100 - len(reasons), len(reasons)), batch
    output, errors = (downloaded(client, name) for name in (batch.output_file_id, batch.error_file_id))
    assert_each_row_once(output, errors, 100)
    assert [line["row"] for line in errors] == list(reasons)
    named = [line["custom_id"] for line in errors]
    assert named == ["r10", "r20", "r30", "r39", None, "r60", "r70"]
    for line in errors:
        assert reasons[line["row"]][1] in line["error"]["message"] and line["response"] is None, line


def test_a_cancelled_batch_keeps_what_was_scored(client: OpenAI, rows: int) -> None:
    many = max(10_000, 3 * rows)
    batch = create(client, uploaded(client, "many.jsonl", jsonl(numbered(many))))
    assert until(lambda: counts(client.batches.retrieve(batch.id))[1] > 0)
    assert client.batches.cancel(batch.id).status in ("cancelling", "cancelled")
    batch = over(client, batch)
    assert batch.status == "cancelled" and batch.cancelled_at and batch.cancelling_at, batch
    found = downloaded(client, batch.output_file_id)
    assert [line["row"] for line in found] == list(range(1, counts(batch)[1] + 1)) and 0 < len(found) < many


def test_a_batch_that_is_cancelled_while_its_rows_are_read_is_cancelled(client: OpenAI) -> None:
    from openai import UnprocessableEntityError

    file = uploaded(client, "big.jsonl", jsonl(numbered(MANY)))
    batch = create(client, file)
    assert until(lambda: client.batches.retrieve(batch.id).status == "in_progress", every=0.01)
    with pytest.raises(UnprocessableEntityError, match="still reads this file"):
        client.files.delete(file)
    assert counts(client.batches.retrieve(batch.id))[0] == 0, "all rows were read already"
    client.batches.cancel(batch.id)
    try:
        assert until(lambda: client.batches.retrieve(batch.id).status in OVER, 30, every=0.2)
        assert client.batches.retrieve(batch.id).status == "cancelled"
    finally:
        client.delete(f"/batches/{batch.id}", cast_to=object)  # else it would keep the worker from the next tests


def test_batches_and_files_are_listed_page_by_page_the_newest_first(client: OpenAI) -> None:
    files = [uploaded(client, f"few{number}.jsonl", jsonl(numbered(2))) for number in range(5)]
    batches = [over(client, create(client, file)).id for file in files]
    listed = [batch.id for batch in client.batches.list(limit=2)]
    assert listed[:5] == batches[::-1] and len(listed) == len(set(listed))
    page = client.batches.list(limit=2)
    assert page.has_more and [batch.id for batch in page.data] == batches[:-3:-1]
    there = [file.id for file in client.files.list(limit=2)]
    assert set(files) <= set(there) and len(there) == len(set(there))
    assert [file.id for file in client.files.list(limit=10_000)] == there
    assert [file.id for file in client.files.list(purpose="assistants")] == []


def test_files_are_deleted_and_gone(client: OpenAI) -> None:
    from openai import NotFoundError

    file = uploaded(client, "gone.jsonl", jsonl(numbered(2)))
    batch = over(client, create(client, file))
    deleted = client.files.delete(file)
    assert deleted.deleted and deleted.id == file
    for ask in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(NotFoundError):
            ask(file)
    assert file not in [one.id for one in client.files.list()]
    assert len(downloaded(client, batch.output_file_id)) == 2  # results do not depend on the upload
    with pytest.raises(NotFoundError):
        create(client, file)


def test_a_batch_that_fails_says_why_and_its_file_can_be_deleted(client: OpenAI) -> None:
    file = io.BytesIO()
    pq.write_table(pa.table({"content": ["a text"], "number": [1]}), file)
    name = uploaded(client, "wrong.parquet", file.getvalue())
    batch = over(client, create(client, name))
    assert batch.status == "failed" and batch.failed_at and batch.errors and batch.errors.data
    said = batch.errors.data[0].message or ""
    assert 'wrong.parquet has no column "text"; it has content, number' in said, said
    batch = over(client, create(client, name, text_column="content"))
    assert batch.status == "completed" and counts(batch) == (1, 1, 0)
    assert client.files.delete(name).deleted


@pytest.mark.parametrize("while_it", ["is read", "is scored"])
def test_a_batch_that_is_deleted_while_it_runs_leaves_nothing_behind(
    client: OpenAI, api: Api, home: Path, while_it: str
) -> None:
    from openai import NotFoundError

    reading = while_it == "is read"
    file = uploaded(client, "many.jsonl", jsonl(numbered(MANY if reading else 5_000)))
    batch = create(client, file)

    def begun() -> bool:
        now = client.batches.retrieve(batch.id)
        return now.status == "in_progress" if reading else counts(now)[1] > 0

    assert until(begun, every=0.01)
    assert api.delete(f"batches/{batch.id}")["deleted"]
    with pytest.raises(NotFoundError):
        client.batches.retrieve(batch.id)
    after = over(client, create(client, uploaded(client, "few.jsonl", jsonl(numbered(2)))))
    assert after.status == "completed"  # the worker has left the other one by now
    assert not (home / "store" / "scans" / batch.id).exists()
    with sqlite3.connect(home / "scans.sqlite") as connection:
        (left,) = connection.execute("SELECT count(*) FROM tasks WHERE scan = ?", (batch.id,)).fetchone()
    connection.close()
    assert left == 0
    assert client.files.delete(file).deleted


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"endpoint": "/v1/chat/completions"}, "endpoint must be /v1/probe"),
        ({"input_file_id": "file-typo"}, "No file 'file-typo'"),
        ({"metadata": {"model": "typo"}}, "No model 'typo'"),
        ({"metadata": {"model": "demo", "scores": "typo"}}, "typo"),
        ({"metadata": {"model": "demo", "alpha": "2"}}, "alpha must lie between"),
        ({"metadata": {"model": "demo", "q": "x"}}, "metadata.q: 'x' cannot be read"),
        ({"metadata": {"model": "demo", "calibration": "typo"}}, "No calibration named typo"),
    ],
)
def test_what_cannot_be_begun_is_refused_at_once(client: OpenAI, change: dict[str, Any], said: str) -> None:
    from openai import APIStatusError

    file = uploaded(client, "few.jsonl", jsonl(numbered(2)))
    before = len(list(client.batches.list()))
    asked = {"input_file_id": file, "endpoint": "/v1/probe", "completion_window": "24h", "metadata": {}} | change
    with pytest.raises(APIStatusError) as caught:
        client.batches.create(**asked)
    assert caught.value.status_code in (404, 422) and said in caught.value.message
    assert len(list(client.batches.list())) == before
