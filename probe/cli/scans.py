"""memprobe scans: the batches of a database and store, as the service and its workers see them; memprobe worker."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated

import typer

from probe.cli.app import app
from probe.cli.options import (
    CalibrationName,
    DeviceMap,
    Dtype,
    Reference,
    Revision,
    Shadows,
    Target,
    open_with,
    settings_of,
    tell_unknown,
)
from probe.config import Settings

if TYPE_CHECKING:
    from probe.scans.desk import Desk

scans = typer.Typer(no_args_is_help=True, help="The batches of MEMPROBE_DATABASE_URL and MEMPROBE_STORE.")
app.add_typer(scans, name="scans")
Id = Annotated[str, typer.Argument(help="a batch's id")]


@scans.command("list")
def index() -> None:
    """Lists them, the newest first."""
    from probe.scans.show import ago

    for one in _desk().ledger.scans():
        state = f"{one.status}{' (paused)' if one.paused else ''}"
        typer.echo(f"{one.id}  {state}  {ago(one.created)}  {one.source['name']}")


@scans.command()
def watch(name: Id) -> None:
    """Shows a batch's progress until it is over."""
    from probe.scans.nouns import OPEN
    from probe.scans.show import Bar

    desk = _desk()
    with Bar() as bar:
        while True:
            scan, done = desk.progress(name)
            bar.show(scan, done)
            if scan.status not in OPEN:
                break
            time.sleep(0.5)
    typer.echo(f"{scan.status}: {done.good:,} rows judged, {done.bad:,} with errors. {scan.error or ''}".strip())
    raise typer.Exit(0 if scan.status == "completed" else 1)


@scans.command()
def pause(name: Id) -> None:
    """Hands out no more of its shards until it is resumed."""
    _told(_desk().ledger.pause(name, True).status + ", paused")


@scans.command()
def resume(name: Id) -> None:
    """Goes on with one that was paused, or that paused itself because it could not write."""
    _told(_desk().ledger.pause(name, False).status)


@scans.command()
def cancel(name: Id) -> None:
    """Ends one; what was scored is still written out."""
    _told(_desk().ledger.cancel(name).status)


@scans.command()
def delete(name: Id) -> None:
    """Ends one and removes its results."""
    _desk().delete(name)
    _told("deleted")


@scans.command()
def sweep() -> None:
    """Deletes what is older than MEMPROBE_RETENTION_DAYS and MEMPROBE_CACHE_DAYS, and what was left half written."""
    from probe.scans.opening import open_desk
    from probe.scans.sweep import sweep as run

    settings = Settings()
    typer.echo(str(run(open_desk(settings), settings.retention_days, settings.cache_days)))


@scans.command()
def summary(name: Id) -> None:
    """Prints what one that is over came to, as JSON."""
    typer.echo(json.dumps(json.load(_desk().summary(name)), indent=1))


@app.command()
def worker(
    target: Target = None, reference: Reference = None, calibration: CalibrationName = None, dtype: Dtype = None,
    device_map: DeviceMap = None, revision: Revision = None, shadows: Shadows = None,
    name: Annotated[str | None, typer.Option(help="the model's id, as batches name it")] = None,
    once: Annotated[bool, typer.Option(help="end when nothing waits")] = False,
    ray: Annotated[str | None, typer.Option(help="run on a Ray cluster: its address, auto, or local")] = None,
    actors: Annotated[int, typer.Option(min=1, help="with --ray: workers at once")] = 1,
    gpus: Annotated[float, typer.Option(min=0, help="with --ray: GPUs of each")] = 0,
) -> None:  # fmt: skip
    """Scores the shards of batches, beside a service and other workers; any number, on any machines."""
    settings = settings_of(
        target=target, reference=reference, calibration=calibration, dtype=dtype, device_map=device_map, name=name,
        shadows=shadows,
    )  # fmt: skip
    tell_unknown()
    if ray:
        from probe.scans.ray import run_on_ray

        run_on_ray(settings, revision, ray, actors, gpus, once)
        return
    from probe.logs import install
    from probe.scans.serving import serve

    install(settings.log_format, "info")
    serve(settings, open_with(settings, revision), once=once, revision=revision)


def _desk() -> Desk:
    from probe.scans.opening import open_desk

    return open_desk(Settings())


def _told(what: str) -> None:
    typer.echo(what)
