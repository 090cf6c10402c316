"""/v1/documents: a file in; what is read of it at once, what the model holds of it at the end of a job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Response
from fastapi.responses import HTMLResponse, PlainTextResponse

from probe.audit.picture import Picture, picture
from probe.documents.apart import read_apart
from probe.documents.document import Document
from probe.documents.limits import BYTES, check
from probe.measure import Progress
from probe.memorization.continued import check_samples, go_on, price
from probe.memorization.examine import Examined, examine
from probe.memorization.files import as_dict, as_row, html
from probe.memorization.plots import plots
from probe.memorization.scan import Options
from probe.memorization.windows import Shape
from probe.models.base import Sampler
from probe.pipeline import Probe
from probe.prepared import Options as Level
from server.operation.asked import note
from server.routes.jobs import completed, end, forget, state
from server.routes.uploads import one_file
from server.schemas.common import Deleted, failures
from server.schemas.documented import leads_to, text
from server.schemas.documents import (
    ContinuationAnswer,
    DocumentJob,
    DocumentList,
    DocumentRequest,
)
from server.schemas.probe import Usage
from server.service import Service, service_of
from server.wire.headers import REPORT
from server.work.job import Job

KIND = "document"
router = APIRouter(prefix="/v1/documents", tags=["documents"], responses=failures(400, 404, 409, 413, 422, 429))
Shared = Annotated[Service, Depends(service_of)]
Samples = Annotated[int, Query(ge=0, le=50, description="continuations that are drawn by chance besides")]
_ONE = "/v1/documents/{name}"
_LEADS = leads_to(f"GET {_ONE}", f"DELETE {_ONE}", f"POST {_ONE}/cancel", f"GET {_ONE}/text", f"GET {_ONE}/report")


@dataclass(frozen=True, slots=True)
class Finished:
    """What a job leaves, and what the model wrote on request since."""

    examined: Examined
    pictures: Sequence[Picture]


@router.post("", status_code=202, responses=_LEADS | failures(507), dependencies=[Depends(one_file)])
async def create(
    body: Annotated[DocumentRequest, Form(media_type="multipart/form-data")], service: Shared
) -> DocumentJob:
    """Takes a txt, md, html, epub or pdf. Its text is read before the answer; poll the job for the rest."""
    probe = await service.probe(body.model, body.calibration)
    options = Options(Shape(body.prefix, body.suffix, body.stride), Sampler(body.temperature, body.top_k), body.most)
    check_samples(body.generate, body.samples)
    Level(alpha=body.alpha)  # a wrong one is refused now
    file, name = body.file.file, body.file.filename or "file"
    check("bytes", body.file.size or 0, BYTES)  # before it is held in memory
    found = await service.reading.run(service.caller.owner, lambda: read_apart(file.read(), name))
    service.caller.asks([found.text])

    def work(progress: Progress) -> Finished:
        @contextmanager
        def bar(label: str) -> Iterator[Progress]:
            yield progress

        own = Probe.of(service.setup_in_turns(probe), probe.calibration)
        examined = examine(own, found, options, bar, body.alpha, body.generate, body.samples)
        return Finished(examined, [picture(plot) for plot in plots(examined)])

    return _job(service.start(KIND, body.model, work, found))


@router.get("")
def index(service: Shared) -> DocumentList:
    """Lists the documents of this run of the service, without their figures."""
    return DocumentList(data=[_job(job, whole=False) for job in service.jobs_of(KIND)])


@router.get("/{name}")
def show(name: str, service: Shared) -> DocumentJob:
    """The state of a document, and its figures once it is completed."""
    return _job(service.job(KIND, name))


@router.get("/{name}/text", response_class=Response, responses=text("text/plain"))
def words(name: str, service: Shared) -> PlainTextResponse:
    """What was read of the file: the text that was judged, to which all places refer."""
    return PlainTextResponse(_document(service.job(KIND, name)).text)


@router.get("/{name}/report", response_class=Response, responses=text("text/html"))
def report(name: str, service: Shared) -> HTMLResponse:
    """One HTML page with tables, passages and pictures, complete in itself."""
    found = completed(service.job(KIND, name), Finished, KIND)
    return HTMLResponse(html(found.examined, found.pictures, texts=True), headers=REPORT)


@router.post("/{name}/passages/{number}/continuation")
async def continue_to(name: str, number: int, service: Shared, samples: Samples = 0) -> ContinuationAnswer:
    """Lets the model go on from the words before a passage, and compares what it writes with what stands there. The
    document's figures and report have it from then on.
    """
    job = service.job(KIND, name)
    found = completed(job, Finished, KIND).examined
    window = found.window_before(number)
    begin, _, end = found.scan.characters(window)
    tokens = price(found.scan, samples)
    target = service.model(job.name).target  # the job's waits for its turn in the thread where this has it
    with service.writing.one(service.caller.owner):
        service.caller.asks([found.document.text[begin:end]], reads=False)
        service.caller.takes(tokens)
        made = await service.batcher.alone(
            lambda: go_on(target, found.scan, found.document.text, [window], samples, found.options.sampler)
        )
        service.caller.spends(tokens)
    if isinstance(job.result, Finished):  # else it was deleted meanwhile
        job.result = replace(job.result, examined=job.result.examined.having(made[0]))
    service.metrics.read("request", tokens)
    note(tokens=tokens)
    return ContinuationAnswer(continuation=as_row(made[0]), usage=Usage(tokens=tokens))


@router.post("/{name}/cancel")
def cancel(name: str, service: Shared) -> DocumentJob:
    """Ends the work on a document."""
    return _job(end(service, KIND, name))


@router.delete("/{name}")
def remove(name: str, service: Shared) -> Deleted:
    """Forgets a document and its text."""
    return forget(service, KIND, name)


def _document(job: Job) -> Document:
    assert isinstance(job.subject, Document)
    return job.subject


def _job(job: Job, whole: bool = True) -> DocumentJob:
    found = _document(job)
    figures = as_dict(job.result.examined) if whole and isinstance(job.result, Finished) else None
    return DocumentJob(
        **state(job), name=found.name, kind=found.kind, hash=found.hash, characters=len(found.text),
        paragraphs=len(found.paragraphs), mended=dict(found.mended), warnings=list(found.warnings), document=figures,
    )  # fmt: skip
