"""memprobe models: what is at hand."""

from __future__ import annotations

import typer

from probe.cli.app import app
from probe.config import Settings


@app.command()
def models() -> None:
    """Lists the embedded pair and the stored calibrations."""
    from probe.calibration.calibration import Calibration
    from probe.calibration.store import stored
    from probe.show import calibrations

    found = list(stored(Settings().calibrations))
    calibrations([entry for entry in found if isinstance(entry, Calibration)])
    for entry in found:
        if not isinstance(entry, Calibration):
            typer.echo(str(entry), err=True)
