"""memprobe document: how much of a document or book a model holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from probe.cli.app import app
from probe.cli.files import writable_folder
from probe.cli.options import CalibrationName, DeviceMap, Dtype, Reference, Revision, Target, open_with, settings_of
from probe.cli.reading import read_document


@app.command()
def document(
    file: Annotated[Path, typer.Argument(help="txt, md, html, epub or pdf")],
    out: Annotated[Path | None, typer.Option(help="folder for the report, JSON, CSV, the text and pictures")] = None,
    target: Target = None, reference: Reference = None, calibration: CalibrationName = None, dtype: Dtype = None,
    device_map: DeviceMap = None, revision: Revision = None,
    alpha: Annotated[float, typer.Option(help="false-positive rate that a passage's verdict claims")] = 0.01,
    prefix: Annotated[int, typer.Option(help="tokens that the model is shown")] = 50,
    suffix: Annotated[int, typer.Option(help="tokens that it is to continue with")] = 50,
    stride: Annotated[int, typer.Option(help="tokens from one window to the next")] = 10,
    temperature: Annotated[float | None, typer.Option(help="of the sampler of p_z and --samples")] = None,
    top_k: Annotated[int | None, typer.Option(min=1, help="of that sampler")] = None,
    most: Annotated[int, typer.Option(min=1, help="windows that are scored exactly, the likeliest")] = 5000,
    generate: Annotated[int, typer.Option(min=0, max=100, help="windows that the model is let go on from")] = 0,
    samples: Annotated[int, typer.Option(min=0, max=1000, help="continuations of each that are drawn besides")] = 0,
    texts: Annotated[bool, typer.Option(help="show passages in the report")] = True,
    text_only: Annotated[bool, typer.Option("--text-only", help="print what is read of the file, and end")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print document.json instead of tables")] = False,
) -> None:  # fmt: skip
    """Reads a document, judges its passages, and finds what of it the model can be made to write."""
    from probe.memorization.continued import check_samples
    from probe.memorization.scan import Options
    from probe.memorization.windows import Shape
    from probe.models.base import Sampler
    from probe.show import progress

    options = Options(
        Shape(prefix, suffix, stride), Sampler(temperature, top_k), most
    )  # named before anything is loaded
    check_samples(generate, samples)
    if out:
        writable_folder(out, "name another folder for --out")
    found = read_document(file)
    if text_only:
        typer.echo(found.text)
        return
    settings = settings_of(
        target=target, reference=reference, calibration=calibration, dtype=dtype, device_map=device_map
    )
    opened = open_with(settings, revision)
    from probe.memorization.examine import examine
    from probe.memorization.files import as_dict, write
    from probe.memorization.show import examined

    done = examine(opened, found, options, progress, alpha, generate, samples)
    written = write(done, out, texts) if out else []
    if as_json:
        typer.echo(json.dumps(as_dict(done), ensure_ascii=True))
    else:
        examined(done)
    if written:
        typer.echo(f"Wrote {', '.join(path.name for path in written)} to {out}.", err=True)
