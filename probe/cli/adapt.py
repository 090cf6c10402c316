"""memprobe adapt: a reference that knows the kind of text in question, out of one that does not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probe.cli.app import app
from probe.cli.files import read_known, writable_folder
from probe.cli.options import DeviceMap, IdColumn, TextColumn, waiting
from probe.data.read import Columns
from probe.errors import InputError


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
    from probe.show import training

    if writable_folder(out).exists():
        raise InputError(f"{out} is there already; name a folder that is not.", "out")
    texts = [text.text for text in read_known(nonmembers, Columns(text_column, id_column))]
    with waiting():
        from probe.shadow.adapt import adapt as make
    with training("Adapting the reference") as advance:
        found = make(
            reference, texts, out, epochs=epochs, rate=rate, revision=revision, device_map=device_map, seed=seed,
            progress=advance,
        )  # fmt: skip
    typer.echo(
        f"{out} has learned {found.used} texts. Loss on {found.held_out} others: {found.before:.3f} before, "
        f"{found.after:.3f} after, nats per token. Now calibrate with --reference {out} and other known non-members."
    )
    if found.left_out:
        typer.echo(f"{found.left_out} texts were left out: copies of others, or nothing to read.")
