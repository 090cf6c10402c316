"""memprobe evaluate: labelled texts in, the figures of every score out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from probe.cli.app import app
from probe.cli.files import writable_folder
from probe.cli.options import (
    CalibrationName,
    DeviceMap,
    Dtype,
    MemberPrefix,
    Neighbours,
    Prefix,
    Reference,
    Revision,
    Shadows,
    Target,
    open_with,
    settings_of,
)


@app.command()
def evaluate(
    data: Annotated[list[str] | None, typer.Argument(help="labelled files, hf:NAME:SPLIT hf:NAME/CONFIG:SPLIT")] = None,
    members: Annotated[list[str] | None, typer.Option(help="files or datasets of texts that it was trained on")] = None,
    nonmembers: Annotated[list[str] | None, typer.Option(help="files or datasets of texts that it was not")] = None,
    target: Target = None, reference: Reference = None, calibration: CalibrationName = None, dtype: Dtype = None,
    device_map: DeviceMap = None, revision: Revision = None,
    scores: Annotated[str | None, typer.Option(help="ids to compute, comma-separated; see docs/scores.md")] = None,
    prefix: Prefix = None, member_prefix: MemberPrefix = None,
    neighbours: Neighbours = None, shadows: Shadows = None,
    text_column: Annotated[str | None, typer.Option(help="the field of the text; guessed: text input snippet")] = None,
    label_column: Annotated[str | None, typer.Option(help="the field of the label; guessed: label")] = None,
    id_column: Annotated[str, typer.Option(help="the field of the id")] = "id",
    out: Annotated[Path | None, typer.Option(help="folder for JSON, CSV, HTML and pictures")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print evaluation.json instead of tables")] = False,
    fail_above: Annotated[list[str] | None, typer.Option(
        help="exit with 3 where a figure is above its bar: tpr@fpr=0.01:0.05, or ref/auc:0.6 for one score"
    )] = None,
    seed: int = 0,
) -> None:  # fmt: skip
    """Measures how well the scores tell members from non-members, beside what the words alone can tell."""
    from probe.audit.evaluate import evaluate as run
    from probe.audit.files import as_dict, write
    from probe.audit.gate import EXIT_CODE, check_names, judge, parse, rates
    from probe.audit.labelled import LabelledColumns, read_labelled
    from probe.audit.show import figures
    from probe.scores import choose
    from probe.show import progress

    names = None if scores is None else [name.strip() for name in scores.split(",")]
    bars = [parse(bar) for bar in fail_above or ()]
    check_names(bars, choose(names))  # a wrong option is named before anything is loaded
    if out:
        writable_folder(out, "name another folder for --out")
    labelled = read_labelled(
        data or (), members or (), nonmembers or (), LabelledColumns(text_column, label_column, id_column)
    )
    settings = settings_of(
        target=target, reference=reference, calibration=calibration, dtype=dtype, device_map=device_map, prefix=prefix,
        member_prefix=member_prefix, neighbours=neighbours, shadows=shadows,
    )  # fmt: skip
    opened = open_with(settings, revision)
    with progress("Measuring") as advance:
        found = run(opened, labelled, scores=names, fprs=rates(bars), seed=seed, progress=advance)
    outcomes = judge(bars, found)
    written = write(found, out, outcomes) if out else []
    if as_json:
        typer.echo(json.dumps(as_dict(found, outcomes), ensure_ascii=True))
    else:
        figures(found, outcomes)
    for line in (*found.left_out, *(f"{name}: {reason}" for name, reason in found.unscored)):
        typer.echo(line, err=True)
    if written:
        typer.echo(f"Wrote {', '.join(path.name for path in written)} to {out}.", err=True)
    if not all(outcome.kept for outcome in outcomes):
        raise typer.Exit(EXIT_CODE)
