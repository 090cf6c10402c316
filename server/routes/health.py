"""GET /healthz: the process answers. GET /readyz: a verdict can be given. GET /metrics: figures for Prometheus."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client.exposition import choose_encoder

from server.operation.readiness import lacking
from server.schemas.common import Health, Unready
from server.schemas.documented import text
from server.service import Service, service_of

router = APIRouter(tags=["operation"])
Shared = Annotated[Service, Depends(service_of)]


@router.get("/healthz")
async def healthz() -> Health:
    return Health(status="ok")


@router.get("/readyz", response_model=Health | Unready, responses={503: {"model": Unready}})
async def readyz(response: Response, service: Shared) -> Health:
    if found := await lacking(service):
        response.status_code = 503
        return Unready(status=found[0], reason=found[1])
    return Health(status="ready")


@router.get("/metrics", response_class=Response, responses=text("text/plain"))
async def metrics(request: Request, service: Shared) -> Response:
    """Requests, queue, passes, tokens, verdicts, cache, jobs and scans, as Prometheus reads them."""
    encode, kind = choose_encoder(request.headers.get("accept", ""))
    return Response(await asyncio.to_thread(encode, service.metrics.registry), media_type=kind)
