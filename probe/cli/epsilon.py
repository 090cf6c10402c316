"""memprobe audit draw, memprobe audit epsilon: how private one's own training turns out to be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from probe.cli.audit import audit
from probe.cli.files import read_known, writable_folder
from probe.cli.options import (
    DeviceMap,
    Dtype,
    IdColumn,
    Reference,
    Shadows,
    Target,
    TextColumn,
    open_with,
    settings_of,
)
from probe.data.read import Columns


@audit.command()
def draw(
    texts: Annotated[list[Path], typer.Argument(help="files of texts, all of which might be trained on")],
    out: Annotated[Path, typer.Option(help="a new folder: train.jsonl to train on, held-out.jsonl to leave out")],
    text_column: TextColumn = "text", id_column: IdColumn = "id",
) -> None:  # fmt: skip
    """Draws by a fair coin for each text whether it is trained on, so that the training's epsilon can be audited."""
    from probe.audit.coins import draw as flip

    columns = Columns(text_column, id_column)
    taken, left_out = flip(read_known(texts, columns), writable_folder(out))
    typer.echo(f"Train on the {taken:,} texts of {out}/train.jsonl, and on none of held-out.jsonl.")
    if left_out:
        typer.echo(f"{left_out} texts were left out: empty, or copies of others.")


@audit.command()
def epsilon(
    folder: Annotated[Path, typer.Argument(help="a folder of memprobe audit draw")],
    target: Target = None, reference: Reference = None, dtype: Dtype = None, device_map: DeviceMap = None,
    shadows: Shadows = None,
    score: Annotated[str | None, typer.Option(help="what the bound rests on; else what a verdict would")] = None,
    delta: Annotated[float, typer.Option(min=0, max=1, help="of the training's promise")] = 1e-5,
    promised: Annotated[float | None, typer.Option(help="exit with 3 where more than this epsilon is shown")] = None,
    out: Annotated[Path | None, typer.Option(help="folder for epsilon.json and the evaluation's report")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print epsilon.json instead of sentences")] = False,
) -> None:  # fmt: skip
    """Bounds the epsilon of a training from below, from one model and the coins that chose its texts."""
    from probe.audit.coins import read_drawn
    from probe.audit.epsilon import audit as bound
    from probe.audit.evaluate import evaluate
    from probe.audit.files import write
    from probe.audit.gate import EXIT_CODE
    from probe.scores import choose
    from probe.show import progress

    choose([score] if score else None)  # a wrong option is named before anything is loaded
    if out:
        writable_folder(out, "name another folder for --out")
    drawn = read_drawn(folder)
    settings = settings_of(target=target, reference=reference, dtype=dtype, device_map=device_map, shadows=shadows)
    opened = open_with(settings, None)
    with progress("Measuring") as advance:
        evaluation = evaluate(opened, drawn, scores=[score] if score else None, progress=advance)
    found = bound(evaluation, delta, score, promised)
    if out:
        write(evaluation, out)
        (out / "epsilon.json").write_text(json.dumps(found.as_json(), indent=1) + "\n")
    typer.echo(json.dumps(found.as_json()) if as_json else "\n".join(found.sentences()))
    for line in (*drawn.left_out, *(f"{name}: {reason}" for name, reason in evaluation.unscored)):
        typer.echo(line, err=True)
    if found.broken:
        raise typer.Exit(EXIT_CODE)
