"""GET /healthz: the process answers. GET /readyz: a verdict can be given."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from server.schemas import Health
from server.service import Service, service_of

router = APIRouter(tags=["operation"])


@router.get("/healthz")
async def healthz() -> Health:
    return Health(status="ok")


@router.get("/readyz", responses={503: {"model": Health}})
async def readyz(response: Response, service: Annotated[Service, Depends(service_of)]) -> Health:
    if service.models and service.batcher.running and (service.scanning is None or service.scanning.running):
        return Health(status="ready")
    response.status_code = 503
    return Health(status="loading")
