"""GET /v1/models: what can be asked about."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from probe.pipeline import Probe
from probe.scores import TABLE
from server.schemas.probe import ModelCard, ModelList
from server.service import Service, service_of

router = APIRouter()


@router.get("/v1/models", tags=["models"])
async def models(service: Annotated[Service, Depends(service_of)]) -> ModelList:
    """Lists the loaded models; the first is the default."""
    return ModelList(data=[_model(name, probe, service.started) for name, probe in service.models.items()])


def _model(name: str, probe: Probe, started: int) -> ModelCard:
    return ModelCard(
        id=name, created=started, target=probe.target.identity.name,
        reference=probe.reference.identity.name if probe.reference else None,
        calibration=probe.calibration.name if probe.calibration else None, context=probe.target.context,
        dtype=probe.target.identity.dtype, scores=list(TABLE), warnings=list(probe.warnings),
    )  # fmt: skip
