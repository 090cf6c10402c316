"""memprobe probe: verdicts without a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from probe.cli.app import app
from probe.cli.files import new_file, read_texts
from probe.cli.options import (
    CalibrationName,
    DeviceMap,
    Dtype,
    IdColumn,
    MemberPrefix,
    Neighbours,
    Prefix,
    Reference,
    Revision,
    Shadows,
    Target,
    TextColumn,
    open_with,
    settings_of,
)
from probe.data.read import Columns
from probe.errors import InputError


@app.command()
def probe(
    inputs: Annotated[list[str], typer.Argument(help="texts, or files (.json .jsonl .csv .tsv .txt); - reads one")],
    target: Target = None, reference: Reference = None, calibration: CalibrationName = None, dtype: Dtype = None,
    device_map: DeviceMap = None, revision: Revision = None,
    scores: Annotated[str | None, typer.Option(help="ids to compute, comma-separated; see docs/scores.md")] = None,
    prefix: Prefix = None, member_prefix: MemberPrefix = None,
    corpus: Annotated[str | None, typer.Option(help="look texts up in: an index's folder, http://HOST/#INDEX")] = None,
    neighbours: Neighbours = None, shadows: Shadows = None,
    alpha: Annotated[float, typer.Option(help="the false-positive rate that a `member` claims")] = 0.01,
    text_column: TextColumn = "text", id_column: IdColumn = "id",
    record: Annotated[Path | None, typer.Option(help="also write what --json prints to this new file")] = None,
    with_texts: Annotated[bool, typer.Option(help="put the texts in it too, not their hashes only")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object per text")] = False,
    tokens: Annotated[bool, typer.Option(help="with --json: every token's log-probability, rank and place")] = False,
) -> None:  # fmt: skip
    """Judges texts without a server."""
    from probe.prepared import Options
    from probe.provenance.record import Sources, record_all
    from probe.scores import choose
    from probe.show import progress, table

    names = None if scores is None else [name.strip() for name in scores.split(",")]
    # a wrong option is named before anything is loaded
    options = Options(None if names is None else choose(names), alpha)
    if record:
        new_file(record)
    texts, broken = read_texts(inputs, Columns(text_column, id_column))
    if not texts and not broken:
        raise InputError("There is no text in what was named.")
    settings = settings_of(
        target=target,
        reference=reference,
        calibration=calibration,
        dtype=dtype,
        device_map=device_map,
        prefix=prefix,
        member_prefix=member_prefix,
        corpus=corpus,
        neighbours=neighbours,
        shadows=shadows,
    )
    opened = open_with(settings, revision)
    with progress("Measuring") as advance:
        results = opened(texts, scores=names, alpha=alpha, progress=advance)
    sources = Sources.of(settings, revision)
    records = record_all(opened, texts, results, options, sources, with_texts=with_texts, with_tokens=tokens)
    lines = [json.dumps(entry.as_dict(), ensure_ascii=True) for entry in records]
    if record:
        record.write_text("".join(f"{line}\n" for line in lines))
    if as_json:
        for line in lines:
            typer.echo(line)
    else:
        table(results, [text.text for text in texts])
    for line in broken:
        typer.echo(line, err=True)
    if broken or any(result.error for result in results):
        raise typer.Exit(1)
