"""/v1/files: uploads for batches and what batches wrote, as OpenAI's Files API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, BinaryIO, Literal

from fastapi import APIRouter, Depends, Form, Query, Response, UploadFile
from fastapi.responses import StreamingResponse

from probe.scans.desk import Desk
from probe.scans.uploads import File
from server.access.caller import Caller, caller_of
from server.routes.uploads import one_file
from server.schemas.batches import FileList, FileObject, page
from server.schemas.common import Deleted, failures
from server.schemas.documented import binary, fills, joined, leads_to
from server.service import desk_of

router = APIRouter(prefix="/v1/files", tags=["batches"], responses=failures(400, 404, 413, 422))
Counter = Annotated[Desk, Depends(desk_of)]
Asking = Annotated[Caller, Depends(caller_of)]
_PIECE = 1 << 20
_BYTES = "application/octet-stream"
_LEADS = joined(
    leads_to("GET /v1/files/{name}", "DELETE /v1/files/{name}", "GET /v1/files/{name}/content", status=200),
    fills("POST /v1/batches", "input_file_id"),
)


@router.post("", responses=_LEADS | failures(507), dependencies=[Depends(one_file)])
def create(
    file: UploadFile, purpose: Annotated[Literal["batch"], Form()], desk: Counter, caller: Asking
) -> FileObject:  # fmt: skip
    """Takes rows of texts: .jsonl .csv .tsv .parquet, or these with .gz or .zst."""
    kept = desk.uploads.add(file.filename or "file", purpose, caller.hands_in(_pieces(file.file)))
    caller.about = kept.id
    return _object(kept)


@router.get("")
def index(
    desk: Counter, purpose: str | None = None, limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
    after: str | None = None,
) -> FileList:  # fmt: skip
    """Lists uploads, the newest first."""
    return FileList(**page([_object(file) for file in desk.uploads.listed(purpose, limit + 1, after)], limit))


@router.get("/{name}")
def show(name: str, desk: Counter) -> FileObject:
    """What is known of a file."""
    return _object(desk.file(name))


@router.get("/{name}/content", response_class=Response, responses=binary(_BYTES))
def content(name: str, desk: Counter) -> StreamingResponse:
    """The file itself."""
    return StreamingResponse(desk.content(name), media_type=_BYTES)


@router.delete("/{name}")
def remove(name: str, desk: Counter) -> Deleted:
    """Removes an upload."""
    desk.remove(name)
    return Deleted(id=name, object="file")


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece


def _object(file: File) -> FileObject:
    return FileObject(id=file.id, bytes=file.bytes, created_at=file.created, filename=file.name, purpose=file.purpose)
