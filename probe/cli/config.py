"""memprobe config: every setting, its value, and where that comes from."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from probe.cli.app import app
from probe.cli.options import CalibrationName, DeviceMap, Dtype, Reference, Shadows, Target, tell_unknown


@app.command()
def config(
    target: Target = None, reference: Reference = None, calibration: CalibrationName = None, dtype: Dtype = None,
    device_map: DeviceMap = None, shadows: Shadows = None, name: str | None = None, reporting: str | None = None,
    host: str | None = None, port: int | None = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of lines")] = False,
) -> None:  # fmt: skip
    """Prints every setting, its value and where it comes from, as `memprobe serve` with these options has it; secrets
    are masked.
    """
    from probe.configuration import configured, shown

    options = {
        "target": target, "reference": reference, "calibration": calibration, "dtype": dtype, "device_map": device_map,
        "shadows": shadows, "name": name, "reporting": reporting, "host": host, "port": port,
    }  # fmt: skip
    found = configured({key: value for key, value in options.items() if value is not None})
    strange = tell_unknown()
    if as_json:
        typer.echo(json.dumps({"settings": [asdict(one) for one in found], "unknown": strange}, indent=1))
        return
    width = max(len(one.name) for one in found)
    for one in found:
        typer.echo(f"{one.name:{width}}  {shown(one.value) or '-'}  ({one.origin})")
