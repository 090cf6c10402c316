"""The application that the commands of this folder belong to."""

from __future__ import annotations

import platform
from importlib.metadata import version

import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Tells whether a text was in a language model's training data, and how sure that is.",
)


def _tell(asked: bool) -> None:
    if asked:
        typer.echo(f"memprobe {version('memprobe')}, Python {platform.python_version()}")
        raise typer.Exit


@app.callback()
def top(
    version: bool = typer.Option(False, "--version", callback=_tell, is_eager=True, help="Shows it and ends."),
) -> None:
    pass
