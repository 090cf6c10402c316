"""The command line: options in, the library or the service called, tables and JSON out. One file per command."""

from __future__ import annotations

import sys

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError

from probe.cli import (  # noqa: F401 - each adds its command
    adapt,
    ask,
    audit,
    bundle,
    calibrate,
    calibrations,
    canaries,
    collection,
    config,
    controls,
    corpus,
    deletion,
    demo,
    document,
    epsilon,
    evaluate,
    frequencies,
    keys,
    models,
    order,
    pii,
    probe,
    scan,
    scans,
    serve,
    shadow,
    verify,
)  # fmt: skip
from probe.cli.app import app
from probe.errors import MemprobeError

__all__ = ["app", "main"]


def main() -> None:
    """Entry point: an error of ours is one line on stderr and exit code 2."""
    try:
        app()
    except ValidationError as error:
        for one in error.errors():
            typer.echo(f"memprobe: {'.'.join(map(str, one['loc']))}: {one['msg']}.", err=True)
        sys.exit(2)
    except (MemprobeError, SettingsError) as error:
        typer.echo(f"memprobe: {error}", err=True)
        sys.exit(2)
