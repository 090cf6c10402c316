"""memprobe controls: a control set out of a pool of non-members."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from probe.cli.app import app
from probe.cli.files import writable_file
from probe.cli.options import IdColumn, TextColumn


@app.command()
def controls(
    suspect: Annotated[Path, typer.Argument(help="rows of texts (.jsonl .json .csv .tsv)")],
    pool: Annotated[Path, typer.Option(help="rows of texts that the target cannot have seen")],
    out: Annotated[Path, typer.Option(help="where the controls go, as .jsonl; each names the suspect it matches")],
    matched: Annotated[Path | None, typer.Option(help="where the suspect rows that have a control go")] = None,
    document_column: Annotated[str, typer.Option(help="the field that names a row's document")] = "source",
    match_column: Annotated[list[str] | None, typer.Option(help="a field that must agree, such as a site")] = None,
    date_column: Annotated[str | None, typer.Option(help="a field of dates that begin YYYY-MM-DD")] = None,
    within: Annotated[str, typer.Option(help="what of the dates must agree: year, month or day")] = "year",
    text_column: TextColumn = "text", id_column: IdColumn = "id",
) -> None:  # fmt: skip
    """Picks non-members like the suspect documents in length, date and source, and says what it could not match."""
    from probe.collections import show
    from probe.collections.controls import match
    from probe.collections.files import Fields, candidate, documents

    for path in (out, *([matched] if matched else ())):
        writable_file(path)
    fields = Fields(text_column, id_column, document_column, tuple(match_column or ()), date_column, within)
    read = [documents(path, fields) for path in (suspect, pool)]
    for broken in (line for _, lines in read for line in lines):
        typer.echo(broken, err=True)
    (mine, _), (theirs, _) = read
    candidates = [[candidate(document, fields) for document in side] for side in (mine, theirs)]
    found = match(*candidates)
    rows = [
        {**row, "matches": candidates[0][number].name} for number, place in found.pairs for row in theirs[place].rows
    ]
    _write(out, rows)
    if matched:
        _write(matched, [row for number, _ in found.pairs for row in mine[number].rows])
    show.match(found, {place: candidates[0][place].name for place in found.lost})


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=True) + "\n" for row in rows), encoding="utf-8")
