"""memprobe serve: the HTTP service."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from probe.cli.app import app
from probe.cli.options import (
    CalibrationName,
    DeviceMap,
    Dtype,
    Reference,
    Shadows,
    Target,
    settings_of,
    tell_unknown,
    waiting,
)
from probe.ports import check_port

Level = Literal["critical", "error", "warning", "info", "debug"]  # uvicorn's `trace` would log what callers send


@app.command()
def serve(
    target: Target = None, reference: Reference = None, calibration: CalibrationName = None, dtype: Dtype = None,
    device_map: DeviceMap = None, shadows: Shadows = None,
    name: Annotated[str | None, typer.Option(help="id under which it is offered")] = None,
    reporting: Annotated[
        str | None, typer.Option(help="texts, or aggregate: noised figures of groups, and nothing of single texts")
    ] = None,
    host: str | None = None, port: int | None = None, log_level: Annotated[Level, typer.Option()] = "info",
) -> None:  # fmt: skip
    """Starts the HTTP service; names of settings that are none are told on stderr."""
    from server.access.opening import open_access

    settings = settings_of(
        target=target, reference=reference, calibration=calibration, dtype=dtype, device_map=device_map, name=name,
        host=host, port=port, shadows=shadows, reporting=reporting,
    )  # fmt: skip
    tell_unknown()
    check_port(settings.host, settings.port, "--port 8001")
    open_access(settings)  # what nobody may reach ends here, before the models are loaded
    with waiting():
        from server.app import create_app, open_models
        from server.wire.serving import serve as listen

        opened = open_models(settings)
    listen(create_app(settings, lambda _: opened), settings, log_level)
