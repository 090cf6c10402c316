"""/v1/evaluations: labelled texts in, every score's figures out; kept as long as the service runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.responses import HTMLResponse

from probe.audit.evaluate import Evaluation, evaluate
from probe.audit.files import as_dict
from probe.audit.labelled import Entry, both_kinds, distinct
from probe.audit.picture import Picture, picture
from probe.audit.plots import plots
from probe.audit.report import html
from probe.errors import UnknownName
from probe.measure import Progress
from probe.pipeline import Probe
from probe.scores import choose
from probe.types import Text
from probe.untold import called
from server.routes.jobs import completed, end, forget, state
from server.schemas.common import Deleted, failures
from server.schemas.documented import leads_to, text
from server.schemas.entries import AnyText
from server.schemas.entries import Entry as Given
from server.schemas.evaluations import EvaluationJob, EvaluationList, EvaluationRequest, PictureCard
from server.service import Service, service_of
from server.wire.headers import REPORT
from server.work.job import Job


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What a job leaves: the figures, the pictures of them, and the page that shows both."""

    figures: Evaluation
    pictures: Sequence[Picture]
    page: str


KIND = "evaluation"
router = APIRouter(prefix="/v1/evaluations", tags=["evaluations"], responses=failures(400, 404, 409, 413, 422, 429))
Shared = Annotated[Service, Depends(service_of)]
_ONE = "/v1/evaluations/{name}"
_LEADS = leads_to(f"GET {_ONE}", f"DELETE {_ONE}", f"POST {_ONE}/cancel", f"GET {_ONE}/report")


@router.post("", status_code=202, responses=_LEADS)
async def create(body: EvaluationRequest, service: Shared) -> EvaluationJob:
    """Measures in the background how well the scores tell members from non-members; poll it under its id."""
    model = await service.probe(body.model, body.calibration)
    chosen = None if body.scores is None else choose(body.scores)
    labelled = both_kinds(
        distinct([*_entries(body.members, True), *_entries(body.nonmembers, False)]),
        'Give texts under "members", and others under "nonmembers".',
    )

    service.caller.asks(one.text.text for one in labelled.entries)

    def work(progress: Progress) -> Evaluated:
        probe = Probe.of(service.setup_in_turns(model), model.calibration)
        found = evaluate(probe, labelled, scores=chosen, seed=body.seed, progress=progress)
        pictures = [picture(plot) for plot in plots(found)]  # here, because matplotlib takes one thread at a time
        return Evaluated(found, pictures, html(found, pictures))

    return _job(service.start(KIND, body.model, work))


@router.get("")
def index(service: Shared) -> EvaluationList:
    """Lists the evaluations of this run of the service, without their figures."""
    return EvaluationList(data=[_job(job, whole=False) for job in service.jobs_of(KIND)])


@router.get("/{name}")
def show(name: str, service: Shared) -> EvaluationJob:
    """The state of an evaluation, and its figures once it is completed."""
    return _job(service.job(KIND, name))


@router.get("/{name}/report", response_class=Response, responses=text("text/html"))
def report(name: str, service: Shared) -> HTMLResponse:
    """One HTML page with tables and pictures, complete in itself."""
    return HTMLResponse(completed(service.job(KIND, name), Evaluated, KIND).page, headers=REPORT)


@router.get("/{name}/pictures/{picture}", response_class=Response, responses=text("image/svg+xml"))
def show_picture(name: str, picture: str, service: Shared) -> Response:
    """One of its pictures as SVG: `roc` (on log-log axes), `histogram`, `correlation`, where there are texts enough."""
    pictures = {one.name: one.svg for one in completed(service.job(KIND, name), Evaluated, KIND).pictures}
    if picture not in pictures:
        raise UnknownName(f"No picture {called(picture)}. There are: {', '.join(pictures) or 'none'}.", "picture")
    return Response(pictures[picture], media_type="image/svg+xml", headers=REPORT)


@router.post("/{name}/cancel")
def cancel(name: str, service: Shared) -> EvaluationJob:
    """Ends an evaluation."""
    return _job(end(service, KIND, name))


@router.delete("/{name}")
def remove(name: str, service: Shared) -> Deleted:
    """Forgets an evaluation; one that is running is ended."""
    return forget(service, KIND, name)


def _entries(texts: Sequence[AnyText | Given], member: bool) -> list[Entry]:
    named = "members" if member else "nonmembers"
    return [
        Entry(Text(one) if isinstance(one, str) else Text(one.text, one.id), member, f"{named}[{number}]")
        for number, one in enumerate(texts)
    ]


def _job(job: Job, whole: bool = True) -> EvaluationJob:
    found = job.result if whole and isinstance(job.result, Evaluated) else None
    if found is None:
        return EvaluationJob(**state(job), evaluation=None, pictures=[])
    cards = [PictureCard(name=one.name, title=one.title, description=one.description) for one in found.pictures]
    return EvaluationJob(**state(job), evaluation=as_dict(found.figures), pictures=cards)
