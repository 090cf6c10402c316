"""memprobe calibrate: known texts in, a calibration out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from probe.cli.adapting import adapt as make_reference
from probe.cli.adapting import check_new
from probe.cli.app import app
from probe.cli.files import read_known, writable_folder
from probe.cli.options import (
    DeviceMap,
    Dtype,
    IdColumn,
    Reference,
    Revision,
    Shadows,
    Target,
    TextColumn,
    open_with,
    settings_of,
)
from probe.config import Settings
from probe.data.read import Columns
from probe.errors import InputError

if TYPE_CHECKING:
    from probe.calibration.known import Known


@app.command()
def calibrate(
    name: Annotated[str, typer.Argument(help="the name to store it under")],
    nonmembers: Annotated[list[Path], typer.Option(help="files of texts that the target cannot have seen")],
    members: Annotated[list[Path] | None, typer.Option(help="files of texts that it was trained on")] = None,
    tuning: Annotated[list[Path] | None, typer.Option(help="more non-members; else a seventh is split off")] = None,
    tuning_members: Annotated[list[Path] | None, typer.Option(help="more members; else a seventh is split off")] = None,
    placebo: Annotated[str | None, typer.Option(help="a model of the target's kind that saw none of the texts")] = None,
    adapt: Annotated[
        Path | None,
        typer.Option(help="two fifths of the non-members adapt the reference, which is written to this new folder"),
    ] = None,
    random_split: Annotated[bool, typer.Option(help="members and non-members are random parts of one set")] = False,
    target: Target = None, reference: Reference = None, dtype: Dtype = None, device_map: DeviceMap = None,
    revision: Revision = None, shadows: Shadows = None, text_column: TextColumn = "text", id_column: IdColumn = "id",
    source_column: Annotated[str | None, typer.Option(help="the field that names its document, site or date")] = None,
    seed: int = 0,
    force: Annotated[bool, typer.Option(help="replace a calibration of this name")] = False,
) -> None:  # fmt: skip
    """Scores known texts once, so that verdicts on others can name a false-positive rate."""
    from probe.calibration.build import calibrate as build
    from probe.calibration.known import Known
    from probe.calibration.store import check_free, save
    from probe.models.tags import calibration_tag, tagged
    from probe.opening import open_placebo
    from probe.show import claims, progress

    settings = settings_of(target=target, reference=reference, dtype=dtype, device_map=device_map, shadows=shadows)
    settings.calibration = settings.corpus = None
    check_free(name, settings.calibrations, replace_own=force)
    if adapt:
        check_new(adapt)
        if not settings.reference:
            raise InputError("--adapt makes a reference of --reference: name the model to start from.", "reference")
    writable_folder(settings.calibrations, "set MEMPROBE_HOME to another", private=True)
    columns = Columns(text_column, id_column, source_column)
    files = (nonmembers, members, tuning, tuning_members)
    texts = [read_known(group or [], columns) for group in files]
    if source_column and not any(text.source for group in texts for text in group):
        raise InputError(f'Of the known texts no row has a field "{source_column}".', "source_column")
    known = Known(texts[0], texts[1], texts[2], texts[3], basis="split" if random_split else "post-hoc")
    opened = open_with(settings, revision)
    third = open_placebo(settings, opened.target, placebo) if placebo else None
    if adapt:  # last, so that what is named wrongly is said before anything is trained
        known = _adapted(settings, known, adapt, seed)
        opened = open_with(settings, revision)
    with progress("Measuring the known texts") as advance, tagged(calibration_tag(name)):
        found = build(opened, known, name, seed, advance, third)
    path = save(found, settings.calibrations)
    claims(found)
    typer.echo(
        f"Stored as {name} ({path}). It holds its texts' scores and hashes, and {len(found.sentinels)} whole texts."
    )
    if adapt:
        typer.echo(f"It holds for --reference {adapt}.")


def _adapted(settings: Settings, known: Known, out: Path, seed: int) -> Known:
    """Adapts the reference to some of the non-members and returns the known texts that are left."""
    from probe.calibration.aside import set_aside

    aside, rest = set_aside(known, seed=seed)
    make_reference(
        str(settings.reference), [text.text for text in aside], out, device_map=settings.device_map, seed=seed
    )
    settings.reference = str(out)
    return rest
