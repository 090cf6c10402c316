"""The application that the commands of this folder belong to."""

from __future__ import annotations

import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Tells whether a text was in a language model's training data, and how sure that is.",
)
