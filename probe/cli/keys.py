"""memprobe keys: who may ask the service, and who asked what."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from probe.cli.app import app
from probe.config import Settings
from probe.errors import InputError

if TYPE_CHECKING:
    from probe.access.keys import KeyRing

keys = typer.Typer(no_args_is_help=True, help="Keys of the service: make, list, revoke; and the record of who asked.")
app.add_typer(keys, name="keys")
Name = Annotated[str, typer.Argument(help="a key's name")]


@keys.command()
def add(
    name: Name,
    scope: Annotated[list[str] | None, typer.Option(help="probe, scan or admin; several times for several")] = None,
    owner: Annotated[str, typer.Option(help="whose files and results it sees; its own name otherwise")] = "",
    rate: Annotated[str, typer.Option(help="requests that it may make, such as 600/minute")] = "",
    budget: Annotated[str, typer.Option(help="tokens that it may have read, such as 5000000/day")] = "",
) -> None:
    """Makes a key and prints it, this once: only a hash of it is kept. A service that runs takes it at once."""
    from probe.access.quota import check_rate

    for text, what in ((rate, "rate"), (budget, "budget")):
        if text:
            check_rate(text, what)
    key, token = _ring().add(name, scope or ["probe", "scan"], owner, rate, budget)
    typer.echo(f"Key {key.name}, which may {', '.join(key.scopes)}; keep it, it is shown only now:", err=True)
    typer.echo(token)


@keys.command("list")
def index(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Lists the keys, without themselves."""
    rows = [
        {"name": one.name, "owner": one.owner, "scopes": list(one.scopes), "rate": one.rate, "budget": one.budget,
         "created": datetime.fromtimestamp(one.created, UTC).isoformat()}
        for one in _ring().keys
    ]  # fmt: skip
    if as_json:
        typer.echo(json.dumps({"object": "list", "data": rows}))
        return
    for row in rows:
        limits = ", ".join(str(row[name]) for name in ("rate", "budget") if row[name])
        typer.echo(f"{row['name']}: owner {row['owner']}, {', '.join(row['scopes'])}{limits and f', {limits}'}")
    if not rows:
        typer.echo("No key: the service answers this machine only. Make one: memprobe keys add NAME")


@keys.command()
def revoke(name: Name) -> None:
    """Ends a key at once. What belongs to its owner stays, for another key of --owner."""
    _ring().revoke(name)
    typer.echo("revoked")


@keys.command()
def log(
    key: Annotated[str, typer.Option(help="only what this key asked")] = "",
    text: Annotated[Path | None, typer.Option(help="only who asked about the text in this file")] = None,
) -> None:
    """Prints who asked what, a line of JSON each."""
    from probe.access.record import Record

    record = Record(Settings().home)
    if text is not None and not text.is_file():
        raise InputError(f"No file {text}.")
    for line in record.lines(key, None if text is None else text.read_text(encoding="utf-8")):
        typer.echo(json.dumps(line))


def _ring() -> KeyRing:
    from probe.access.keys import KeyRing

    settings = Settings()
    return KeyRing(settings.keys or settings.home / "keys.json")
