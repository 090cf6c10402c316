"""memprobe serve: the HTTP service."""

from __future__ import annotations

from typing import Annotated

import typer

from probe.cli.app import app
from probe.cli.options import CalibrationName, DeviceMap, Dtype, Reference, Shadows, Target, settings_of, waiting
from probe.ports import check_port

GRACE = 10  # seconds that open requests, event streams among them, may take to end


@app.command()
def serve(
    target: Target = None, reference: Reference = None, calibration: CalibrationName = None, dtype: Dtype = None,
    device_map: DeviceMap = None, shadows: Shadows = None,
    name: Annotated[str | None, typer.Option(help="id under which it is offered")] = None,
    reporting: Annotated[
        str | None, typer.Option(help="texts, or aggregate: noised figures of groups, and nothing of single texts")
    ] = None,
    host: str | None = None, port: int | None = None, log_level: Annotated[str, typer.Option()] = "info",
) -> None:  # fmt: skip
    """Starts the HTTP service."""
    import uvicorn

    settings = settings_of(
        target=target, reference=reference, calibration=calibration, dtype=dtype, device_map=device_map, name=name,
        host=host, port=port, shadows=shadows, reporting=reporting,
    )  # fmt: skip
    check_port(settings.host, settings.port, "--port 8001")
    with waiting():
        from server.app import create_app, open_models
        from server.patience import Patient, connections

        opened = open_models(settings)
    uvicorn.run(
        create_app(settings, lambda _: opened),
        host=settings.host,
        port=settings.port,
        log_level=log_level,
        access_log=False,
        timeout_graceful_shutdown=GRACE,
        http=Patient,
        limit_concurrency=connections(),
    )
