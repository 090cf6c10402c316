"""memprobe corpus: indexes of corpora that are open or one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probe.cli.app import app
from probe.cli.files import writable_folder
from probe.cli.options import IdColumn, TextColumn
from probe.data.read import Columns
from probe.errors import InputError

corpus = typer.Typer(no_args_is_help=True, help="Makes indexes of corpora, in which texts are looked up.")
app.add_typer(corpus, name="corpus")


@corpus.callback()
def group() -> None:
    """Keeps `build` a command of its own while there is no other."""


@corpus.command()
def build(
    files: Annotated[list[Path], typer.Argument(help="the corpus: .jsonl .json .csv .tsv .txt, one document per row")],
    out: Annotated[Path, typer.Option(help="the new folder of the index")],
    text_column: TextColumn = "text", id_column: IdColumn = "id",
) -> None:  # fmt: skip
    """Indexes a corpus, so that `probe --corpus` says what of a text stands in it."""
    from probe.corpus.build import build as write
    from probe.corpus.build import documents
    from probe.show import progress

    if missing := [str(path) for path in files if not path.is_file()]:
        raise InputError(f"No file {', '.join(missing)}.")
    for folder in (out, out.parent):  # it is written beside `out` and renamed
        writable_folder(folder)
    broken: list[str] = []
    with progress("Reading files") as advance:
        header = write(documents(files, Columns(text_column, id_column), broken, advance), out)
    for line in broken:
        typer.echo(line, err=True)
    typer.echo(f"Indexed {header['documents']:,} documents of {header['words']:,} words in {out}.")
    if broken:
        raise typer.Exit(1)
