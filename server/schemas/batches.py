"""Files and batches as the service documents them: OpenAI's objects, with more fields beside theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from server.schemas.entries import Asked, Name


class Listed(BaseModel):
    id: str


class FileObject(Listed):
    object: Literal["file"] = "file"
    bytes: int
    created_at: int
    filename: str
    purpose: str
    status: Literal["processed"] = "processed"
    expires_at: int | None = None
    status_details: str | None = None


class Page(BaseModel):
    object: Literal["list"] = "list"
    has_more: bool
    first_id: str | None
    last_id: str | None


def page(found: Sequence[Listed], limit: int) -> dict[str, Any]:
    """Returns the fields of a page; found: one more than it holds, where there are more."""
    data = list(found[:limit])
    return {
        "data": data, "has_more": len(found) > limit, "first_id": data[0].id if data else None,
        "last_id": data[-1].id if data else None,
    }  # fmt: skip


class FileList(Page):
    data: list[FileObject]


class BatchRequest(Asked):
    """What to scan. Options stand in `metadata`, whose values are strings."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{
                "input_file_id": "file-...", "endpoint": "/v1/probe", "completion_window": "24h",
                "metadata": {"model": "demo", "alpha": "0.01"},
            }]
        },
    )  # fmt: skip
    endpoint: str = "/v1/probe"
    completion_window: str = Field("24h", description="taken as it is; a batch ends when it is done")
    input_file_id: str | None = Field(None, description="an upload; else `url` or `dataset` in the metadata")
    metadata: dict[Name, Name] | None = Field(
        None,
        description="model, calibration, scores (with commas), alpha, q, max_tokens, text_column, id_column, "
        "return_tokens, url or dataset; other keys are the caller's own",
    )
    output_expires_after: dict[str, Any] | None = Field(None, description="results are kept until they are deleted")


class RequestCounts(BaseModel):
    total: int
    completed: int
    failed: int


class ScanProgress(BaseModel):
    done: int
    total: int | None = Field(description="rows; null until all were read")
    parts: int
    rows_per_second: float | None
    seconds_left: float | None


class Batch(Listed):
    object: Literal["batch"] = "batch"
    endpoint: str
    model: str
    input_file_id: str | None
    completion_window: str = "24h"
    status: str
    paused: bool
    note: str | None
    errors: dict[str, Any] | None
    output_file_id: str | None
    error_file_id: str | None
    created_at: int
    in_progress_at: int | None = None
    finalizing_at: int | None = None
    completed_at: int | None = None
    failed_at: int | None = None
    cancelling_at: int | None = None
    cancelled_at: int | None = None
    expires_at: int | None = None
    request_counts: RequestCounts
    progress: ScanProgress
    metadata: dict[str, str]


class BatchList(Page):
    data: list[Batch]
