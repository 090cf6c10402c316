"""memprobe pii: which personal data in texts a model gives away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from probe.cli.app import app
from probe.cli.files import read_known, writable_folder
from probe.cli.options import DeviceMap, Dtype, IdColumn, Reference, Target, TextColumn, open_with, settings_of
from probe.cli.reading import each_file, is_document, read_document, read_each
from probe.data.read import Columns
from probe.types import Text


@app.command()
def pii(
    texts: Annotated[list[Path], typer.Argument(help="files of texts (JSONL, CSV ...) or documents (pdf, epub, html)")],
    out: Annotated[Path | None, typer.Option(help="folder for the report, JSON and CSV")] = None,
    target: Target = None, reference: Reference = None, dtype: Dtype = None, device_map: DeviceMap = None,
    pattern: Annotated[list[str] | None, typer.Option(
        help="NAME=EXPRESSION: also what this finds, its first group where it has one"
    )] = None,
    presidio: Annotated[bool, typer.Option(help="whether Presidio searches, or the patterns alone")] = True,
    language: Annotated[str, typer.Option(help="of the texts")] = "en",
    fillers: Annotated[int, typer.Option(min=100, help="values that each is ranked among")] = 10_000,
    values: Annotated[bool, typer.Option("--values", help="show values; else they are masked")] = False,
    text_column: TextColumn = "text", id_column: IdColumn = "id",
    as_json: Annotated[bool, typer.Option("--json", help="print pii.json instead of a table")] = False,
) -> None:  # fmt: skip
    """Finds personal data in texts, and ranks each value among thousands of the same format."""
    from probe.memorization.pii.investigate import Options, investigate
    from probe.memorization.pii.spans import named, patterns_of
    from probe.show import progress

    options = Options(patterns_of(named(pattern or [])), presidio, language, fillers)  # named before anything is loaded
    if out:
        writable_folder(out, "name another folder for --out")
    read = _read(texts, Columns(text_column, id_column))
    settings = settings_of(target=target, reference=reference, dtype=dtype, device_map=device_map)
    opened = open_with(settings, None)
    with progress("Ranking values") as advance:
        found = investigate(opened.target, opened.reference, read, options, advance)
    from probe.memorization.pii.files import as_dict, write
    from probe.memorization.pii.show import data

    written = write(found, read, options, opened.fingerprint, out, values) if out else []
    if as_json:
        typer.echo(json.dumps(as_dict(found, read, options, opened.fingerprint, values), ensure_ascii=True))
    else:
        data(found, read, values)
    if written:
        typer.echo(f"Wrote {', '.join(path.name for path in written)} to {out}.", err=True)


def _read(paths: list[Path], columns: Columns) -> list[Text]:
    found = read_each(
        each_file(paths), lambda path: _document(path) if is_document(path) else read_known([path], columns)
    )
    return [text for texts in found.values() for text in texts]


def _document(path: Path) -> list[Text]:
    """Returns whole paragraphs, short ones with their neighbours: what stands before a value is its context."""
    from probe.documents.passages import FEWEST, passages

    found = read_document(path)
    parts = passages(found, FEWEST, most=len(found.text))
    return [Text(found.text[one.start : one.end], f"{found.name}, {one.place}") for one in parts]
