"""/v1/calibrations: made from known texts in the background, listed, exported, imported, deleted."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Response

from probe.calibration.build import calibrate
from probe.calibration.calibration import Calibration
from probe.calibration.known import Known
from probe.calibration.store import check_name
from probe.errors import InputError
from probe.measure import Progress
from probe.models.stats_table import drop
from probe.models.tags import calibration_tag, tagged
from probe.pipeline import Probe
from probe.types import Text
from server.routes.jobs import end
from server.schemas.calibrations import CalibrationCard, CalibrationJob, CalibrationList, CalibrationRequest
from server.schemas.common import Deleted, failures
from server.schemas.common import Progress as Done
from server.schemas.documented import binary, leads_to
from server.schemas.entries import CalibrationName, KnownTexts
from server.service import Service, service_of
from server.work.job import Job

KIND = "calibration"
router = APIRouter(prefix="/v1/calibrations", tags=["calibrations"], responses=failures(400, 404, 413, 422, 429))
Shared = Annotated[Service, Depends(service_of)]
Card = CalibrationCard | CalibrationJob
_BYTES, _ONE = "application/octet-stream", "/v1/calibrations/{name}"
_HIDDEN = "the operator has made one of this name, too, which yours goes before; delete yours to use that"
_LEADS = leads_to(f"GET {_ONE}", f"POST {_ONE}/cancel", f"DELETE {_ONE}", f"GET {_ONE}/export")


@router.post("", status_code=202, responses=_LEADS)
async def create(body: CalibrationRequest, service: Shared) -> CalibrationJob:
    """Scores known texts in the background; poll it under its name until it is completed."""
    model = service.model(body.model)
    placebo = service.placebo_named(body.placebo) if body.placebo else None
    _free(body.name, service)
    known = Known(
        _texts(body.nonmembers), _texts(body.members), _texts(body.tuning), _texts(body.tuning_members),
        basis="split" if body.random_split else "post-hoc",
    )  # fmt: skip

    for group in (known.nonmembers, known.members, known.tuning, known.tuning_members):
        service.caller.asks(one if isinstance(one, str) else one.text for one in group)

    def work(progress: Progress) -> str:
        probe = Probe.of(service.setup_in_turns(model))
        third = service.in_turns(placebo) if placebo else None
        with tagged(calibration_tag(body.name, service.caller.owner)):
            found = calibrate(probe, known, body.name, body.seed, progress, third)
        service.shelf.save(found)
        return found.name

    return _job(service.start(KIND, body.name, work))


@router.get("")
def index(service: Shared) -> CalibrationList:
    """Lists the stored calibrations, and those that are being made or were not."""
    made = [_card(entry, service) for entry in service.shelf.each() if isinstance(entry, Calibration)]
    jobs = [_job(job) for job in service.jobs_of(KIND) if job.status != "completed"]
    return CalibrationList(data=[*made, *jobs])


@router.get("/{name}", response_model=Card)
def show(name: CalibrationName, service: Shared) -> Card:
    """A stored calibration, or the state of one that is being made."""
    if name in service.shelf.names():
        return _card(service.shelf.find(name), service)
    return _job(service.job(KIND, name))


@router.post("/{name}/cancel")
def cancel(name: CalibrationName, service: Shared) -> CalibrationJob:
    """Ends the making of a calibration."""
    return _job(end(service, KIND, name))


@router.delete("/{name}")
def remove(name: CalibrationName, service: Shared) -> Deleted:
    """Deletes a stored calibration and the statistics of the texts that it was made of, or ends and forgets the making
    of one; the embedded ones stay.
    """
    making = [job for job in service.jobs_of(KIND) if job.name == name]
    for job in making:
        service.jobs.forget(job)
    if not making or name in service.shelf.names():
        service.shelf.delete(name)
    service.calibrated.forget(name, service.caller.owner)
    drop(service.settings.cache, calibration_tag(name, service.caller.owner))
    return Deleted(id=name, object=KIND)


@router.get("/{name}/export", response_class=Response, responses=binary(_BYTES))
def export(name: CalibrationName, service: Shared) -> Response:
    """The file of a calibration, to be imported elsewhere: scores, hashes and 32 sentinel texts."""
    making = [job for job in service.jobs_of(KIND) if job.name == name]
    if making and name not in service.shelf.names():
        raise InputError(f"The calibration is {making[-1].status}; its file is there when it is completed.", "id")
    content = service.shelf.dump(name)
    headers = {"Content-Disposition": f'attachment; filename="{name}.npz"'}
    return Response(content, media_type=_BYTES, headers=headers)


@router.put("/{name}", status_code=201)
def adopted(
    name: CalibrationName, content: Annotated[bytes, Body(media_type=_BYTES, min_length=1)], service: Shared
) -> CalibrationCard:
    """Imports the file of a calibration under this name."""
    _free(name, service)
    return _card(service.shelf.adopt(content, name), service)


def _free(name: str, service: Service) -> None:
    check_name(name)
    making = any(job.name == name and not job.over for job in service.jobs_of(KIND))
    if making or name in service.shelf.names():
        raise InputError(f"There is a calibration {name!r} already; choose another name, or delete it.", "name")


def _texts(entries: KnownTexts) -> list[Text]:
    return [Text(one) if isinstance(one, str) else Text(one.text, one.id, one.source) for one in entries]


def _job(job: Job) -> CalibrationJob:
    return CalibrationJob(
        id=job.name, job=job.id, status=job.status, created=job.created, progress=Done(done=job.done, total=job.total),
        error=job.error,
    )  # fmt: skip


def _card(calibration: Calibration, service: Service) -> CalibrationCard:
    claim, own = calibration.claim(0.01), service.shelf.owns(calibration.name)
    hidden = [_HIDDEN] if service.shelf.hides(calibration.name) else []
    fits = [name for name, probe in service.models.items() if not calibration.fingerprint.mismatches(probe.fingerprint)]
    return CalibrationCard(
        id=calibration.name, owner="yours" if own else "operator", created=calibration.created,
        score=calibration.score, basis=calibration.basis,
        nonmembers=claim.nonmembers, members=claim.members, smallest_alpha=claim.smallest_alpha,
        tokens=calibration.lengths, gates=calibration.gates, findings=calibration.findings,
        kinds={kind.name: len(kind.scores) for kind in calibration.strata}, power=calibration.power,
        notes=[*calibration.notes, *hidden], fits=fits, fingerprint=asdict(calibration.fingerprint),
    )  # fmt: skip
