"""memprobe bundle and bundle-key: results as signed evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probe.cli.app import app
from probe.cli.files import new_file
from probe.config import Settings
from probe.errors import InputError


@app.command()
def bundle(
    results: Annotated[Path, typer.Argument(help="records: what probe --json or --record wrote")],
    out: Annotated[Path, typer.Option(help="the new zip")],
    report: Annotated[list[Path] | None, typer.Option(help="a file to put in beside the bundle's own report")] = None,
    key: Annotated[Path | None, typer.Option(help="private Ed25519 key in PEM, to sign with")] = None,
    with_texts: Annotated[bool, typer.Option(help="keep the texts that the records hold")] = False,
) -> None:  # fmt: skip
    """Puts results, a report and their hashes into one zip, signed with a key of yours."""
    from probe.data.read import Unreadable
    from probe.provenance.bundle import make_bundle
    from probe.provenance.keys import load_private
    from probe.provenance.read import load_records
    from probe.provenance.record import Record

    new_file(out)
    rows = load_records(results)
    if broken := [row for row in rows if isinstance(row, Unreadable)]:
        raise InputError(f"{results}, row {broken[0].row}: {broken[0].reason}. Mend or leave it out.")
    records = [row for row in rows if isinstance(row, Record)]
    private = load_private(key, _passphrase) if key else None
    attached = {path.name: _read(path) for path in report or ()}
    out.write_bytes(make_bundle(records, attached, private, with_texts=with_texts))
    typer.echo(f"{out}: {len(records):,} results, {'signed' if private else 'not signed: anybody could change it'}.")


@app.command()
def bundle_key(
    out: Annotated[Path, typer.Option(help="the folder for private.pem and public.pem")],
    passphrase: Annotated[bool, typer.Option(help="ask for a passphrase, where the environment has none")] = False,
) -> None:
    """Makes an Ed25519 key pair to sign bundles with."""
    from probe.provenance.keys import key_hash, load_public, make_keys

    secret = Settings().key_passphrase
    chosen = secret.get_secret_value() if secret else ""
    if passphrase and not chosen:
        chosen = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True)
    private, public = make_keys(out, chosen.encode() or None)
    typer.echo(f"{private}: keep it to yourself. {public}: give it away; its hash is {key_hash(load_public(public))}.")


def _passphrase() -> bytes:
    secret = Settings().key_passphrase
    found: str = secret.get_secret_value() if secret else typer.prompt("Passphrase", hide_input=True, err=True)
    return found.encode()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", "report") from error
