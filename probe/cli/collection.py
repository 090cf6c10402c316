"""memprobe collection: documents judged as a set."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from probe.cli.app import app
from probe.cli.files import read_known, writable_folder
from probe.cli.options import (
    CalibrationName,
    DeviceMap,
    Dtype,
    IdColumn,
    Reference,
    Revision,
    Target,
    TextColumn,
    open_with,
    settings_of,
)
from probe.cli.reading import each_file, is_document, read_document, read_each
from probe.data.read import Columns
from probe.types import Text

if TYPE_CHECKING:
    from probe.pipeline import Probe

_DOCUMENT = "source"  # the document column where none is named


@app.command()
def collection(
    suspect: Annotated[list[Path], typer.Argument(
        help="rows of texts (.jsonl .json .csv .tsv), documents (txt, pdf, epub, html), or folders of them"
    )],
    controls: Annotated[list[Path], typer.Option(help="the same of texts that the target cannot have seen")],
    members: Annotated[list[Path] | None, typer.Option(help="of texts that it was trained on: for the share")] = None,
    document_column: Annotated[str | None, typer.Option(
        help="the field that names a row's document", show_default=_DOCUMENT
    )] = None,
    placebo: Annotated[str | None, typer.Option(help="a model of the target's kind that saw none of them")] = None,
    target: Target = None, reference: Reference = None, calibration: CalibrationName = None, dtype: Dtype = None,
    device_map: DeviceMap = None, revision: Revision = None,
    score: Annotated[str | None, typer.Option(help="what to compare; by default the calibration's")] = None,
    by: Annotated[str, typer.Option(help="what a claim rests on: mean, ranks or inference")] = "mean",
    random_split: Annotated[bool, typer.Option(help="suspect and controls are random parts of one set")] = False,
    earlier: Annotated[float | None, typer.Option(help="e-value of batches of other documents")] = None,
    alpha: Annotated[float, typer.Option(help="the false-positive rate of the claim")] = 0.01,
    out: Annotated[Path | None, typer.Option(help="folder for the report and JSON")] = None,
    text_column: TextColumn = "text", id_column: IdColumn = "id", seed: int = 0,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:  # fmt: skip
    """Tells whether members are among documents, held against others that the target cannot have seen."""
    from probe.collections import show
    from probe.collections.collection import judge_set
    from probe.collections.decide import Options
    from probe.collections.report import Material, hashed, write
    from probe.opening import open_placebo
    from probe.show import progress

    options = Options(alpha, score, cast(Any, by), random_split, earlier, seed)
    if out:
        writable_folder(out, "name another folder for --out")
    columns = Columns(text_column, id_column, document_column or _DOCUMENT)
    named = tuple(each_file(paths) for paths in (suspect, controls, members or []))
    read = [read_each(paths, lambda path: _read(path, columns)) for paths in named]
    for path, texts in (entry for side in read for entry in side.items()):
        _check_named(path, texts, document_column)
    settings = settings_of(
        target=target, reference=reference, calibration=calibration, dtype=dtype, device_map=device_map
    )
    opened = open_with(settings, revision)
    mine, theirs, known = (
        [text for path, texts in side.items() for text in _texts(opened, path, texts)] for side in read
    )
    third = open_placebo(settings, opened.target, placebo) if placebo else None
    with progress("Measuring") as advance:
        result = judge_set(opened, mine, theirs, known, options, advance, third)
    if lost := sum(map(len, named)) - sum(map(len, read)):
        result = replace(result, notes=(f"{lost:,} files that give no text were left out", *result.notes))
    if out:
        files = dict(zip(("suspect", "controls", "known members"), map(hashed, read), strict=True))
        name = opened.calibration.name if opened.calibration else ""
        written = write(result, options, Material(files, opened.fingerprint, name, placebo or ""), out)
        typer.echo(f"Wrote {', '.join(path.name for path in written)} to {out}.", err=True)
    if as_json:
        typer.echo(json.dumps(show.collection_dict(result), ensure_ascii=True))
    else:
        show.collection(result)


def _read(path: Path, columns: Columns) -> list[Text]:
    """Every document goes through one reader: what its format does to the lines must not tell the sides apart."""
    return [Text(read_document(path).text, path.name)] if is_document(path) else read_known([path], columns)


def _check_named(path: Path, texts: Sequence[Text], column: str | None) -> None:
    """Warns on stderr of a file whose rows name no document. Raises InputError where the column was asked for."""
    from probe.collections.documents import check_named

    if is_document(path):
        return
    if why := check_named(path, texts, column or _DOCUMENT, asked=column is not None):
        typer.echo(f"Warning: {why}.", err=True)


def _texts(probe: Probe, path: Path, texts: Sequence[Text]) -> list[Text]:
    """Cuts a document into passages of a length that the calibration covers."""
    from probe.collections.documents import PASSAGE, passages

    if not is_document(path):
        return list(texts)
    most = probe.calibration.lengths[1] if probe.calibration else PASSAGE
    whole = [replace(text, source=str(path)) for text in texts]  # names alone may agree
    return [passage for text in whole for passage in passages(text, probe.target, most)]
