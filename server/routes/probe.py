"""POST /v1/probe: texts in, verdicts out."""

from __future__ import annotations

from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Depends

from probe.prepared import Options
from probe.provenance.record import Sources, answer
from probe.scores import choose
from server.routes.texts import texts_of
from server.schemas.common import failures
from server.schemas.probe import ProbeRequest, ProbeResponse
from server.service import Service, service_of

router = APIRouter()
_ERRORS = failures(400, 404, 409, 413, 422, 429, 500)


@router.post("/v1/probe", response_model=ProbeResponse, responses=_ERRORS, tags=["probe"])
async def probe(body: ProbeRequest, service: Annotated[Service, Depends(service_of)]) -> dict[str, object]:
    """Judges each text; one that cannot be scored is a result with an error, and the others stand."""
    texts = texts_of([body.input] if isinstance(body.input, str) else body.input, service.settings.max_texts)
    options = Options(
        None if body.scores is None else choose(body.scores), body.alpha, max_tokens=service.settings.max_tokens
    )
    model = await service.probe(body.model, body.calibration)
    sources = Sources.of(service.settings, calibration=body.calibration)
    service.caller.asks(text.text for text in texts)
    prepared, results = await service.batcher.run(model, texts, options)
    service.caller.spends(prepared.read)
    return {
        "id": f"probe-{uuid4().hex}",
        "model": body.model,
        "calibration": model.calibration.name if model.calibration else None,
        "usage": {"tokens": prepared.tokens},
        **answer(model, texts, results, options, sources, body.return_tokens),
    }
