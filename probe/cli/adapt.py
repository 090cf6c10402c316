"""memprobe adapt: a reference that knows the kind of text in question, out of one that does not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probe.cli.adapting import adapt as make
from probe.cli.adapting import check_new
from probe.cli.app import app
from probe.cli.files import read_known
from probe.cli.options import DeviceMap, IdColumn, TextColumn
from probe.data.read import Columns


@app.command()
def adapt(
    reference: Annotated[str, typer.Argument(help="hub id or folder: best what the target was fine-tuned from")],
    out: Annotated[Path, typer.Option(help="the folder to write")],
    nonmembers: Annotated[list[Path], typer.Option(help="files of texts that the target cannot have seen")],
    epochs: Annotated[int, typer.Option(min=1, help="at most so many; the best is kept")] = 4,
    rate: Annotated[float | None, typer.Option(min=0, help="learning rate; else by the model's size")] = None,
    text_column: TextColumn = "text", id_column: IdColumn = "id", device_map: DeviceMap = None,
    revision: Annotated[str | None, typer.Option(help="the reference's branch, tag or commit on the hub")] = None,
    seed: int = 0,
) -> None:  # fmt: skip
    """Trains a reference on known non-members, so that what a target learned of their kind is no sign of membership."""
    check_new(out)
    texts = [text.text for text in read_known(nonmembers, Columns(text_column, id_column))]
    make(
        reference, texts, out, epochs=epochs, rate=rate, revision=revision, device_map=device_map, seed=seed
    )  # fmt: skip
    typer.echo(f"Now calibrate with --reference {out} and other known non-members.")
