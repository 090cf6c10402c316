"""POST /v1/aggregates: a cohort of texts in, noised means over it out; nothing of a single one."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends

from probe.reporting.cohort import gather
from probe.reporting.report import Report
from server.routes.texts import texts_of
from server.schemas.aggregates import Aggregate, AggregateRequest, CohortCounts, NoisedMean, Privacy
from server.schemas.common import failures
from server.service import Service, service_of

router = APIRouter()
_ERRORS = failures(400, 403, 404, 409, 413, 422, 429, 500)


@router.post("/v1/aggregates", responses=_ERRORS, tags=["aggregates"])
async def aggregates(body: AggregateRequest, service: Annotated[Service, Depends(service_of)]) -> Aggregate:
    """Reports on a cohort; the same one gets the same answer, and no text is taken into another."""
    assert service.reporter is not None  # or the path is refused
    texts = texts_of(body.input, service.settings.max_texts)
    model = service.model(body.model)
    cohort = await asyncio.to_thread(gather, texts)
    report = await asyncio.to_thread(service.reporter.earlier, model, cohort)
    service.caller.asks((text.text for text in texts), reads=report is None)
    if report is None:
        prepared, results = await service.batcher.run(model, cohort.texts, service.reporter.options(model))
        service.caller.spends(prepared.read)
        report = await asyncio.to_thread(service.reporter.settle, model, cohort, prepared, results)
    return _answer(report, body.model)


def _answer(report: Report, model: str) -> Aggregate:
    return Aggregate(
        id=report.id, model=model, target=report.target, calibration=report.calibration, created=report.created,
        texts=CohortCounts(
            given=report.given, counted=report.counted, copies=report.copies, left_out=report.left_out
        ),
        statistics={
            name: NoisedMean(
                value=one.value, scale=one.scale, interval=(one.low, one.high), clip=one.clip, epsilon=one.epsilon
            )
            for name, one in report.statistics.items()
        },
        epsilon=Privacy(spent=report.epsilon, left=report.left), warnings=list(report.warnings),
    )  # fmt: skip
