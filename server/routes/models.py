"""GET /v1/models and /v1/calibrations: what can be asked for."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends

from probe.calibration.calibration import Calibration
from probe.calibration.store import stored
from probe.pipeline import Probe
from probe.scores import TABLE
from server.schemas import CalibrationCard, CalibrationList, ModelCard, ModelList
from server.service import Service, service_of

router = APIRouter()


@router.get("/v1/models", tags=["models"])
async def models(service: Annotated[Service, Depends(service_of)]) -> ModelList:
    """Lists the loaded models; the first is the default."""
    return ModelList(data=[_model(name, probe, service.started) for name, probe in service.models.items()])


@router.get("/v1/calibrations", tags=["models"])
def calibrations(service: Annotated[Service, Depends(service_of)]) -> CalibrationList:
    """Lists the stored calibrations, with the loaded models that each is for."""
    found = stored(service.settings.calibrations)
    return CalibrationList(data=[_calibration(entry, service) for entry in found if isinstance(entry, Calibration)])


def _model(name: str, probe: Probe, started: int) -> ModelCard:
    return ModelCard(
        id=name, created=started, target=probe.target.identity.name,
        reference=probe.reference.identity.name if probe.reference else None,
        calibration=probe.calibration.name if probe.calibration else None, context=probe.target.context,
        dtype=probe.target.identity.dtype, scores=list(TABLE), warnings=list(probe.warnings),
    )  # fmt: skip


def _calibration(calibration: Calibration, service: Service) -> CalibrationCard:
    claim = calibration.claim(0.01)
    fits = [name for name, probe in service.models.items() if not calibration.fingerprint.mismatches(probe.fingerprint)]
    return CalibrationCard(
        id=calibration.name, created=calibration.created, score=calibration.score, basis=calibration.basis,
        nonmembers=claim.nonmembers, members=claim.members, smallest_alpha=claim.smallest_alpha,
        tokens=calibration.lengths, gates=calibration.gates, fits=fits, fingerprint=asdict(calibration.fingerprint),
    )  # fmt: skip
