"""Adapting a reference while the user looks on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from probe.cli.files import writable_folder
from probe.cli.options import waiting
from probe.errors import InputError

if TYPE_CHECKING:
    from probe.shadow.adapt import Adapted


def check_new(folder: Path) -> None:
    """Raises InputError where the folder is there or cannot be made."""
    if writable_folder(folder).exists():
        raise InputError(
            f"{folder} is there already; name a folder that is not, or calibrate with --reference {folder}.", "out"
        )


def adapt(reference: str, texts: Sequence[str], out: Path, **options: Any) -> Adapted:
    """Adapts with a progress bar and says what was learned; options as of probe.shadow.adapt."""
    from probe.show import training

    with waiting():
        from probe.shadow.adapt import adapt as make
    with training("Adapting the reference") as advance:
        found = make(reference, texts, out, progress=advance, **options)
    typer.echo(
        f"{out} has learned {found.used} texts. Loss on {found.held_out} others: {found.before:.3f} before, "
        f"{found.after:.3f} after, nats per token."
    )
    if found.left_out:
        typer.echo(f"{found.left_out} texts were left out: copies of others, or nothing to read.")
    return found
