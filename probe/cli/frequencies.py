"""memprobe frequencies: a corpus's token counts, for dcpdd."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probe.cli.app import app
from probe.cli.files import read_known
from probe.cli.options import Target, TextColumn, open_with, settings_of
from probe.data.read import Columns


@app.command()
def frequencies(
    files: Annotated[list[Path], typer.Argument(help="a corpus of the kind that models are trained on")],
    target: Target = None, name: Annotated[str | None, typer.Option(help="what results call the corpus")] = None,
    text_column: TextColumn = "text",
) -> None:  # fmt: skip
    """Counts a corpus's tokens for dcpdd, once for every target with this tokenizer."""
    from probe.data.frequencies import count, save

    settings = settings_of(target=target)
    settings.calibration = settings.reference = settings.corpus = None
    engine = open_with(settings, None).target
    corpus = name or ", ".join(path.name for path in files)
    found = count(engine, (text.text for path in files for text in read_known([path], Columns(text_column))), corpus)
    path = save(found, settings.frequencies)
    typer.echo(f"Counted {found.counts.sum():,} tokens of {corpus} ({path}): dcpdd has a value from now on.")
