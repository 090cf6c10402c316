"""Options that several commands share, and what they open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probe.config import Settings
from probe.sources import unknown

if TYPE_CHECKING:
    from rich.status import Status

    from probe.pipeline import Probe

Target = Annotated[str | None, typer.Option(help="hub id or folder; the embedded pair where none is named")]
Reference = Annotated[str | None, typer.Option(help="hub id or folder of the reference model")]
CalibrationName = Annotated[str | None, typer.Option(help="name of a stored calibration")]
Dtype = Annotated[str | None, typer.Option(help="float32, bfloat16, float16 or auto; a calibration decides it")]
DeviceMap = Annotated[
    str | None, typer.Option(help="as in transformers: auto, cpu, cuda:0 ...; cuda:0,cuda:1 for a process each")
]
Revision = Annotated[str | None, typer.Option(help="the target's branch, tag or commit on the hub")]
Prefix = Annotated[Path | None, typer.Option(help="file of known non-members, for recall and conrecall")]
MemberPrefix = Annotated[Path | None, typer.Option(help="file of known members, for conrecall")]
Neighbours = Annotated[
    str | None, typer.Option(help="masked or causal model that proposes words, for neighbour and spv")
]
Shadows = Annotated[Path | None, typer.Option(help="a folder of memprobe shadow train")]
TextColumn = Annotated[str, typer.Option(help="the field that holds the text")]
IdColumn = Annotated[str, typer.Option(help="the field that holds the id")]


def settings_of(**chosen: Any) -> Settings:
    """Returns the environment's settings with the options that were given over them."""
    return Settings(**{name: value for name, value in chosen.items() if value is not None})


def tell_unknown() -> list[str]:
    """Returns, and says on stderr, which names of settings are none: a budget under a wrong name is no budget."""
    strange = unknown(Settings)
    for line in strange:
        typer.echo(f"memprobe: {line}", err=True)
    return strange


def open_with(settings: Settings, revision: str | None) -> Probe:
    with waiting():
        from probe.opening import open_named

        return open_named(settings, revision)


def waiting() -> Status:
    from rich.console import Console

    return Console(stderr=True).status("Loading the models ...")
