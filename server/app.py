"""The application: settings in, FastAPI out. Models are loaded when it starts, so that a bad name ends it at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI

from probe.config import Settings
from probe.models.stats_table import drop
from probe.opening import open_placebo
from probe.pipeline import Probe
from probe.reporting.opening import open_reporter
from probe.scans.opening import open_desk
from probe.scans.sweep import sweeping
from probe.versions import versions
from server import errors
from server.access.guard import Guard
from server.access.opening import open_access
from server.access.origins import Origins
from server.access.scopes import with_keys
from server.operation.ending import Ending
from server.operation.metrics import Metrics
from server.operation.standing import Standing
from server.reporting import Reporting
from server.routes import (
    aggregates,
    batches,
    calibrations,
    documents,
    evaluations,
    files,
    health,
    models,
    pii,
    probe,
    session,
    web,
)
from server.schemas.common import failures
from server.service import Service
from server.wire.answering import Answering
from server.wire.attending import Attending
from server.wire.headers import Headers
from server.wire.limits import BodyLimit
from server.work.batcher import Batcher
from server.work.jobs import Jobs
from server.work.scanning import Scanning

ROUTES = (probe, aggregates, files, batches, calibrations, evaluations, documents, pii, models, session, health, web)
Opener = Callable[[Settings], dict[str, Probe]]


def open_models(settings: Settings) -> dict[str, Probe]:
    """Returns the probes to serve by id: the settings' target, or the embedded pair."""
    from probe.opening import open_named, served_name

    opened = open_named(settings)
    opened.load()  # ready means that a verdict can be given
    return {served_name(settings, opened): opened}


class App(FastAPI):
    """Its schema says which routes ask for a key, as things stand."""

    def openapi(self) -> dict[str, Any]:
        return with_keys(super().openapi(), self.state.service.access.required)


def create_app(settings: Settings | None = None, opener: Opener = open_models) -> FastAPI:
    """Returns the service; its models are opened by `opener` at start-up."""
    settings = settings or Settings()
    access = open_access(settings)
    groups_only = settings.reporting == "aggregate"
    reporter = open_reporter(settings) if groups_only else None

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.models = await service.batcher.on("forward", lambda: opener(settings))
        (first, *_) = service.models.values()
        service.placebo = await service.batcher.on("forward", lambda: open_placebo(settings, first.target))
        service.batcher.start()
        service.desk = await asyncio.to_thread(open_desk, settings)
        service.scanning = Scanning(service) if settings.scan_workers and not groups_only else None
        with sweeping(service.desk, settings):
            yield
        await service.stop()

    app = App(
        title="memprobe", version=versions().get("memprobe", "0"), lifespan=lifespan,
        redirect_slashes=False,  # it would lead to wherever the Host header says
        docs_url=None, redoc_url=None,  # they would load scripts of others: routes/web.py has our own
        responses=failures(401, 403, 408, 413, 415, 429, 500, 503, 504),  # of any route: middleware answers before it
        description="Was this text in that language model's training data, how sure is that, and what in it shows it?",
    )  # fmt: skip
    metrics = Metrics(of_texts=not groups_only)
    batcher = Batcher(settings.queue_depth, settings.max_request_tokens, metrics)
    service = app.state.service = Service(
        settings, batcher, reporter=reporter, access=access, metrics=metrics, ending=Ending(settings.grace_seconds),
        jobs=Jobs(partial(drop, settings.cache)),
    )  # fmt: skip
    metrics.registry.register(Standing(service))
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes, uploads=settings.max_upload_bytes)
    app.add_middleware(Reporting, groups_only=groups_only)  # before it: what is refused is not read
    app.add_middleware(Attending, seconds=settings.request_seconds)
    app.add_middleware(Guard, access=access)
    app.add_middleware(Origins, access=access)
    app.add_middleware(Headers)
    app.add_middleware(Answering, metrics=metrics)  # outermost: it tells of every answer
    errors.install(app)
    for route in ROUTES:
        app.include_router(route.router)
    return app
