"""memprobe calibrations: the stored ones, to be carried elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probe.cli.app import app
from probe.cli.files import new_file
from probe.config import Settings
from probe.errors import InputError

calibrations = typer.Typer(no_args_is_help=True, help="Stored calibrations: list, export, import, delete.")
app.add_typer(calibrations, name="calibrations")
Name = Annotated[str, typer.Argument(help="a calibration's name")]


@calibrations.command("list")
def index() -> None:
    """Lists them, as `memprobe models` does."""
    from probe.cli.models import models

    models()


@calibrations.command()
def export(name: Name, out: Annotated[Path, typer.Option(help="a new file, .npz")]) -> None:
    """Writes one to a file: scores, hashes and 32 sentinel texts."""
    from probe.calibration.store import dump

    new_file(out).write_bytes(dump(name, Settings().calibrations))
    typer.echo(f"Wrote {out}.")


@calibrations.command("import")
def adopt(
    path: Annotated[Path, typer.Argument(help="a file that export wrote")],
    name: Annotated[str, typer.Option(help="the name to store it under")],
    force: Annotated[bool, typer.Option(help="replace a calibration of this name")] = False,
) -> None:
    """Stores one from a file."""
    from probe.calibration.store import adopt as store
    from probe.calibration.store import check_free

    folder = Settings().calibrations
    check_free(name, folder, replace_own=force)
    if not path.is_file():
        raise InputError(f"No file {path}.")
    found = store(path.read_bytes(), name, folder)
    typer.echo(f"Stored as {name}: {found.power}")


@calibrations.command()
def delete(name: Name) -> None:
    """Deletes a stored one; the embedded ones stay."""
    from probe.calibration.store import delete as remove
    from probe.models.stats_table import drop
    from probe.models.tags import calibration_tag

    settings = Settings()
    remove(name, settings.calibrations)
    drop(settings.cache, calibration_tag(name))
    typer.echo("deleted")
