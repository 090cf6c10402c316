"""memprobe demo: the service on the embedded pair, and texts whose truth is known."""

from __future__ import annotations

from typing import Annotated

import typer

from probe.cli.app import app
from probe.config import Settings


@app.command()
def demo(
    port: int | None = None, once: Annotated[bool, typer.Option(help="end after the table")] = False
) -> None:  # fmt: skip
    """Starts the service on the embedded pair and sends it texts whose truth is known."""
    from probe.demo.run import run

    run(port or Settings().port, once)
