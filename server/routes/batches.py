"""/v1/batches: scans of files of any length, as OpenAI's Batch API, with progress, parts and a summary beside it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse

from probe.data.within import within
from probe.errors import InputError, UnknownName
from probe.scans.desk import Desk
from probe.scans.nouns import OPEN, Done, Scan
from probe.scans.options import of_metadata
from probe.scans.requests import ENDPOINT
from probe.scans.show import rate, remaining
from probe.scans.source import Source, text_bytes
from server.operation.ending import Ending
from server.schemas.batches import Batch, BatchList, BatchRequest, RequestCounts, ScanProgress, page
from server.schemas.common import Deleted, failures
from server.schemas.documented import binary, leads_to, stream
from server.service import Service, desk_of, service_of

router = APIRouter(prefix="/v1/batches", tags=["batches"], responses=failures(400, 404, 409, 422, 429))
Counter = Annotated[Desk, Depends(desk_of)]
Shared = Annotated[Service, Depends(service_of)]
_EVERY = 0.5  # seconds between events
_PARQUET, _EVENTS = "application/vnd.apache.parquet", "text/event-stream"
_UNSTORED = {"Cache-Control": "no-store"}
_ONE = "/v1/batches/{name}"
_LEADS = leads_to(
    *(f"{method} {_ONE}" for method in ("GET", "DELETE")),
    *(f"POST {_ONE}/{act}" for act in ("cancel", "pause", "resume")),
    *(f"GET {_ONE}/{what}" for what in ("summary", "parts", "events")),
    status=200,
)


@router.post("", responses=_LEADS)
async def create(body: BatchRequest, service: Shared, desk: Counter) -> Batch:
    """Starts a scan. The model and all options stand in `metadata`."""
    if body.endpoint != ENDPOINT:
        raise InputError(f"endpoint must be {ENDPOINT}.", "endpoint")
    options = of_metadata(body.metadata or {})
    model = (body.metadata or {}).get("model") or next(iter(service.models))
    await service.probe(model, options.calibration)  # an unknown name, or a foreign calibration, is refused now
    metadata = body.metadata or {}
    if body.input_file_id is not None:
        source = desk.source(await asyncio.to_thread(desk.file, body.input_file_id))
    else:
        source = await asyncio.to_thread(_allowed, metadata, service.settings.scan_prefixes)
    tokens = 0
    if (most := service.caller.most()) is not None:  # a file's size says little of its text, and a URL's nothing
        size = await service.counting.run(service.caller.owner, partial(text_bytes, source, options, model, most))
        tokens, source = service.caller.holds(size), replace(source, most=size)
    scan = await asyncio.to_thread(desk.begin, source, model, options, metadata, body.input_file_id)
    service.caller.spends(tokens)  # about what its texts will take: workers know no keys
    service.caller.about = scan.id
    return await asyncio.to_thread(_batch, desk, scan.id)


@router.get("")
def index(
    desk: Counter, limit: Annotated[int, Query(ge=1, le=100)] = 20, after: str | None = None
) -> BatchList:  # fmt: skip
    """Lists batches, the newest first."""
    return BatchList(**page([_batch(desk, scan.id) for scan in desk.ledger.scans(limit + 1, after)], limit))


@router.get("/{name}")
def show(name: str, desk: Counter) -> Batch:
    """The state of a batch, its progress, and the files of one that is over."""
    return _batch(desk, name)


@router.post("/{name}/cancel")
def cancel(name: str, desk: Counter) -> Batch:
    """Ends a batch; what was scored is still written out."""
    desk.ledger.cancel(name)
    return _batch(desk, name)


@router.post("/{name}/pause")
def pause(name: str, desk: Counter) -> Batch:
    """Hands out no more of its shards until it is resumed."""
    desk.ledger.pause(name, True)
    return _batch(desk, name)


@router.post("/{name}/resume")
def resume(name: str, desk: Counter) -> Batch:
    """Goes on with a batch that was paused, or that paused itself because it could not write."""
    desk.ledger.pause(name, False)
    return _batch(desk, name)


@router.delete("/{name}")
def remove(name: str, desk: Counter) -> Deleted:
    """Ends a batch and removes its results."""
    desk.delete(name)
    return Deleted(id=name, object="batch")


@router.get("/{name}/summary")
def summary(name: str, desk: Counter) -> dict[str, Any]:
    """What a batch came to: counts, the decision over all texts, the highest scores."""
    with desk.summary(name) as file:
        found: dict[str, Any] = json.load(file)
    return found


@router.get("/{name}/parts")
def parts(name: str, desk: Counter) -> dict[str, Any]:
    """The numbers of the parts that can be fetched, also while the batch runs."""
    return {"object": "list", "data": desk.parts(name)}


@router.get("/{name}/parts/{number}", response_class=Response, responses=binary(_PARQUET))
def part(name: str, number: int, desk: Counter) -> StreamingResponse:
    """One part as Parquet; q-values stand in it once the batch is over."""
    file = desk.part(name, number)
    return StreamingResponse(iter(lambda: file.read(1 << 20), b""), media_type=_PARQUET)


async def _place(service: Shared) -> AsyncIterator[None]:
    """FastAPI dependency: one of the caller's streams, until the answer has ended. Raises Busy."""
    with service.streams.one(service.caller.owner):
        yield


@router.get("/{name}/events", response_class=Response, responses=stream(_EVENTS), dependencies=[Depends(_place)])
async def events(name: str, service: Shared, desk: Counter) -> StreamingResponse:
    """Server-sent events: `progress` whenever something changed, `done` at the end, `deleted` where it is deleted,
    `ending` where the service ends before: ask the one that follows it.
    """
    first = await asyncio.to_thread(_batch, desk, name)
    return StreamingResponse(_events(desk, first, service.ending), media_type=_EVENTS, headers=_UNSTORED)


async def _events(desk: Desk, batch: Batch, ending: Ending) -> AsyncIterator[str]:
    told = ""
    while True:
        data = batch.model_dump_json()
        over = batch.status not in OPEN
        if data != told:
            yield f"event: {'done' if over else 'progress'}\ndata: {data}\n\n"
            told = data
        if over:
            return
        if await ending.within(_EVERY):
            yield f"event: ending\ndata: {json.dumps({'id': batch.id})}\n\n"
            return
        try:
            batch = await asyncio.to_thread(_batch, desk, batch.id)
        except UnknownName:
            yield f"event: deleted\ndata: {json.dumps({'id': batch.id})}\n\n"
            return


def _allowed(metadata: dict[str, str], prefixes: list[str]) -> Source:
    """Returns the URL or dataset that the metadata names, within the prefix that allows it. Raises InputError."""
    place = metadata.get("url") or metadata.get("dataset")
    if not place:
        raise InputError("Name an input_file_id, or a url or dataset (hf:NAME:SPLIT) in the metadata.", "input_file_id")
    found = next((prefix for prefix in prefixes if within(place, prefix)), None)
    if found is None:
        raise InputError(
            f"This service may read {', '.join(prefixes) or 'uploads only'} (MEMPROBE_SCAN_PREFIXES).", "metadata.url"
        )
    return Source(place, place, found)


def _batch(desk: Desk, name: str) -> Batch:
    scan, done = desk.progress(name)
    output, errors = desk.written(scan)
    times: dict[str, Any] = {f"{event}_at": int(seconds) for event, seconds in scan.times.items()}
    return Batch(
        id=scan.id, endpoint=ENDPOINT, input_file_id=scan.source.get("file"), status=scan.status, paused=scan.paused,
        created_at=int(scan.created), metadata=scan.metadata, model=scan.model, output_file_id=output,
        error_file_id=errors, errors=_errors(scan), note=scan.note, progress=_progress(scan, done),
        request_counts=RequestCounts(total=scan.rows, completed=done.good, failed=done.bad), **times,
    )  # fmt: skip


def _errors(scan: Scan) -> dict[str, Any] | None:
    if scan.error is None:
        return None
    return {"object": "list", "data": [{"code": "failed", "message": scan.error, "line": None, "param": None}]}


def _progress(scan: Scan, done: Done) -> ScanProgress:
    return ScanProgress(
        done=done.good + done.bad, total=scan.rows if scan.split else None, parts=done.shards_done,
        rows_per_second=rate(scan, done), seconds_left=remaining(scan, done),
    )  # fmt: skip
