"""memprobe canaries: texts drawn by chance, to plant before publication, and the test of who read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from probe.cli.app import app
from probe.cli.files import read_known, writable_folder
from probe.cli.options import DeviceMap, Dtype, Reference, Revision, Target, TextColumn, open_with, settings_of
from probe.data.read import Columns
from probe.errors import InputError

canaries = typer.Typer(no_args_is_help=True, help="Canaries: planted before publication, tested after.")
app.add_typer(canaries, name="canaries")


@canaries.command()
def make(
    out: Annotated[Path, typer.Option(help="the new folder: what to publish, and the secret to keep")],
    count: Annotated[int | None, typer.Option(help="canaries  [default: 20]", show_default=False)] = None,
    alternatives: Annotated[
        int | None, typer.Option(help="texts that might have been drawn instead of each  [default: 999]")
    ] = None,
    template: Annotated[
        list[str] | None, typer.Option(help="a text with {word} and {digit} to be drawn; several take turns")
    ] = None,
    variants: Annotated[
        Path | None, typer.Option(help='rows {"id", "texts": [...]}: your own wordings, one of which is drawn')
    ] = None,
) -> None:  # fmt: skip
    """Draws canaries by chance, and prints the commitment to publish before or with them."""
    from probe.canaries.draw import draw, draw_variants
    from probe.canaries.folder import COMMITMENT, PLANT, SECRET, write
    from probe.canaries.template import TEMPLATES
    from probe.canaries.variants import read_variants

    if variants and (template or count is not None or alternatives is not None):
        raise InputError(
            "The file of --variants says how many there are: leave --count, --alternatives, --template out."
        )
    if variants:
        rows, broken = read_variants(variants)
        for line in broken:
            typer.echo(f"Not drawn: {line}.", err=True)
        secret = draw_variants(rows)
    else:
        secret = draw(
            20 if count is None else count, 999 if alternatives is None else alternatives, template or TEMPLATES
        )
    said = write(secret, out)
    typer.echo(
        f"{out / PLANT}: {len(secret.canaries):,} canaries to publish. {out / SECRET}: keep it, and to yourself. "
        f"Publish this commitment now, or have it timestamped ({out / COMMITMENT}):", err=True,
    )  # fmt: skip
    typer.echo(said)


@canaries.command()
def test(
    folder: Annotated[Path, typer.Argument(help="a folder of memprobe canaries make")],
    target: Target = None, reference: Reference = None, dtype: Dtype = None, device_map: DeviceMap = None,
    revision: Revision = None,
    out: Annotated[Path | None, typer.Option(help="the folder of the report")] = None,
    commitment: Annotated[str | None, typer.Option(help="the commitment that was published")] = None,
    published: Annotated[
        list[Path] | None, typer.Option(help="a file of what was published; only canaries that stand in one count")
    ] = None,
    alternatives_used: Annotated[
        int | None, typer.Option(help="at most so many of each canary's, to save time; choose before looking")
    ] = None,
    alpha: Annotated[float, typer.Option(help="the false-positive rate of the claim")] = 0.01,
    text_column: TextColumn = "text",
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:  # fmt: skip
    """Tells whether the target prefers canaries that were drawn to their alternatives, as one that read them does."""
    from probe.canaries import show
    from probe.canaries.folder import open_folder
    from probe.canaries.judge import TrialOptions, judge_canaries
    from probe.canaries.report import write
    from probe.show import progress

    options = TrialOptions(alpha, alternatives_used)
    planting = open_folder(folder, commitment)
    texts = [text.text for text in read_known(published, Columns(text_column))] if published else None
    if out:
        writable_folder(out, "name another folder for --out")
    settings = settings_of(target=target, reference=reference, dtype=dtype, device_map=device_map)
    settings.calibration = None
    opened = open_with(settings, revision)
    with progress("Measuring") as advance:
        result = judge_canaries(opened.target, opened.reference, planting, options, texts, advance)
    written = write(result, out) if out else []
    if as_json:
        typer.echo(json.dumps(show.as_dict(result), ensure_ascii=True))
    else:
        show.canaries(result)
    if out:
        typer.echo(f"Wrote {', '.join(path.name for path in written)} to {out}.", err=True)
