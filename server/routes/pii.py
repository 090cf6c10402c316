"""/v1/pii: texts in, the standing of the personal data in them at the end of a job; values masked unless asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, Response

from probe.calibration.fingerprint import Fingerprint
from probe.measure import Progress
from probe.memorization.pii.files import as_dict, html, rows_of
from probe.memorization.pii.investigate import Options, check_texts, investigate
from probe.memorization.pii.spans import patterns_of
from server.routes.jobs import completed, end, forget, state
from server.routes.texts import texts_of
from server.schemas.common import Deleted, failures
from server.schemas.documented import leads_to, text
from server.schemas.documents import PiiJob, PiiList, PiiRequest
from server.service import Service, service_of
from server.wire.headers import REPORT
from server.work.job import Job

KIND = "pii"
router = APIRouter(prefix="/v1/pii", tags=["documents"], responses=failures(400, 404, 409, 413, 422, 429))
Shared = Annotated[Service, Depends(service_of)]
_ONE = "/v1/pii/{name}"
_LEADS = leads_to(f"GET {_ONE}", f"DELETE {_ONE}", f"POST {_ONE}/cancel")


@dataclass(frozen=True, slots=True)
class Found:
    """What a job leaves: no value but masked ones, unless they were asked for."""

    shown: dict[str, Any]
    fingerprint: Fingerprint


@router.post("", status_code=202, responses=_LEADS)
def create(body: PiiRequest, service: Shared) -> PiiJob:
    """Looks for personal data in the background, and ranks each value; poll it under its id."""
    probe = service.model(body.model)
    options = Options(patterns_of(body.patterns), body.presidio, body.language, body.fillers)
    texts = texts_of([body.input] if isinstance(body.input, str) else body.input, service.settings.max_texts)
    check_texts(texts)
    service.caller.asks(text.text for text in texts)
    setup = service.setup_in_turns(probe)

    def work(progress: Progress) -> Found:
        found = investigate(setup.target, setup.reference, texts, options, progress)
        return Found(as_dict(found, texts, options, probe.fingerprint, body.values), probe.fingerprint)

    return _job(service.start(KIND, body.model, work))


@router.get("")
def index(service: Shared) -> PiiList:
    """Lists the searches of this run of the service, without what they found."""
    return PiiList(data=[_job(job, whole=False) for job in service.jobs_of(KIND)])


@router.get("/{name}")
def show(name: str, service: Shared) -> PiiJob:
    """The state of a search, and what it found once it is completed."""
    return _job(service.job(KIND, name))


@router.get("/{name}/report", response_class=Response, responses=text("text/html"))
def report(name: str, service: Shared) -> Response:
    """One HTML page, complete in itself."""
    found = _found(service, name)
    return HTMLResponse(html(found.shown, found.fingerprint), headers=REPORT)


@router.get("/{name}/csv", response_class=Response, responses=text("text/csv"))
def rows(name: str, service: Shared) -> Response:
    """A row per value; where it begins like a formula an apostrophe stands before it."""
    headers = {"Content-Disposition": 'attachment; filename="pii.csv"'}
    return Response(rows_of(_found(service, name).shown), media_type="text/csv", headers=headers)


@router.post("/{name}/cancel")
def cancel(name: str, service: Shared) -> PiiJob:
    """Ends a search."""
    return _job(end(service, KIND, name))


@router.delete("/{name}")
def remove(name: str, service: Shared) -> Deleted:
    """Forgets a search and what it found."""
    return forget(service, KIND, name)


def _found(service: Service, name: str) -> Found:
    return completed(service.job(KIND, name), Found, "search", "what it finds")


def _job(job: Job, whole: bool = True) -> PiiJob:
    found = job.result.shown if whole and isinstance(job.result, Found) else None
    return PiiJob(**state(job), pii=found)
