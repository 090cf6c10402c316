"""memprobe scan: a file of any length in, a folder of results out, by the machinery that batches over HTTP use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from probe.cli.app import app
from probe.cli.options import (
    CalibrationName,
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


@app.command()
def scan(
    source: Annotated[str, typer.Argument(help="a file (.jsonl .csv .tsv .parquet, .gz .zst), URL, or hf:NAME:SPLIT")],
    out: Annotated[Path, typer.Option(help="the folder of the results; the same call again goes on where it ended")],
    target: Target = None, reference: Reference = None, calibration: CalibrationName = None,
    scores: Annotated[str | None, typer.Option(help="ids, with commas; by default those of few passes")] = None,
    alpha: Annotated[float, typer.Option(help="the false-positive rate that a `member` claims")] = 0.01,
    q: Annotated[float, typer.Option(help="the false discovery rate of the decision over all texts")] = 0.05,
    tokens: Annotated[bool, typer.Option(help="keep every token's figures")] = False,
    max_tokens: Annotated[int, typer.Option(min=2, help="a longer text is not scored")] = 16_384,
    dtype: Dtype = None, device_map: DeviceMap = None, revision: Revision = None, shadows: Shadows = None,
    text_column: TextColumn = "text", id_column: IdColumn = "id",
) -> None:  # fmt: skip
    """Judges every text of a file, and survives whatever ends it in between."""
    from probe.provenance.record import Sources
    from probe.scans.alone import scan as run
    from probe.scans.options import ScanOptions
    from probe.scans.show import Bar, summary

    settings = settings_of(
        target=target, reference=reference, calibration=calibration, dtype=dtype, device_map=device_map,
        shadows=shadows,
    )  # fmt: skip
    options = ScanOptions(
        None if scores is None else tuple(name.strip() for name in scores.split(",")), calibration, alpha, q,
        max_tokens, text_column, id_column, tokens, whole=False,
    )  # fmt: skip
    with Bar() as bar:
        done = run(
            source, out, settings.target or "demo", lambda: open_with(settings, revision), options,
            Sources.of(settings, revision), bar.show, settings.lease_seconds,
        )  # fmt: skip
    summary(json.loads((out / "summary.json").read_text()), out)
    scored = (out / "output.jsonl").stat().st_size > 0
    if not scored:
        typer.echo(f"No row could be scored; {out / 'errors.jsonl'} says why of each.", err=True)
    raise typer.Exit(0 if done.status == "completed" and scored else 1)
