"""memprobe order: was a benchmark trained on in its published order?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from probe.cli.app import app
from probe.cli.files import read_known
from probe.cli.options import DeviceMap, Dtype, Reference, Revision, Target, TextColumn, open_with, settings_of
from probe.data.read import Columns


@app.command()
def order(
    file: Annotated[Path, typer.Argument(help="the benchmark's examples in their published order")],
    target: Target = None, reference: Reference = None, dtype: Dtype = None, device_map: DeviceMap = None,
    revision: Revision = None,
    shuffles: Annotated[int, typer.Option(help="orders to compare with; p is 1 / (1 + shuffles) at least")] = 99,
    shards: Annotated[int, typer.Option(help="parts to shuffle within, at least; a part fits the context")] = 1,
    separator: Annotated[str, typer.Option(help="what stands between examples; \\n is a new line")] = "\\n",
    alpha: Annotated[float, typer.Option(help="the false-positive rate of the claim")] = 0.01,
    text_column: TextColumn = "text", seed: int = 0,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:  # fmt: skip
    """Tells whether the target prefers a benchmark's published order to shuffles of it, as one that read it does."""
    from probe.collections import show
    from probe.collections.exchangeability import OrderOptions, judge_order
    from probe.show import progress

    options = OrderOptions(alpha, shuffles, shards, separator.replace("\\n", "\n"), seed)
    examples = [text.text.strip() for text in read_known([file], Columns(text_column)) if text.text.strip()]
    settings = settings_of(target=target, reference=reference, dtype=dtype, device_map=device_map)
    settings.calibration = None
    opened = open_with(settings, revision)
    with progress("Measuring") as advance:
        result = judge_order(opened.target, opened.reference, examples, options, advance)
    if as_json:
        typer.echo(json.dumps(show.order_dict(result), ensure_ascii=True))
    else:
        show.order(result)
