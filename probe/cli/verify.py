"""memprobe verify: results measured again, bundles checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from probe.cli.app import app
from probe.cli.files import read_known
from probe.cli.options import CalibrationName, DeviceMap, Dtype, IdColumn, Reference, Revision, Target, TextColumn
from probe.config import Settings
from probe.data.read import Columns, Unreadable
from probe.errors import Tampered

if TYPE_CHECKING:
    from probe.provenance.checks import Outcome
    from probe.provenance.record import Record


@app.command()
def verify(
    results: Annotated[Path, typer.Argument(help="records (probe --json or --record), or a bundle (.zip)")],
    texts: Annotated[list[Path] | None, typer.Option(help="files that hold the texts; found by hash")] = None,
    key: Annotated[Path | None, typer.Option(help="the signer's public key in PEM, for a bundle")] = None,
    tolerance: Annotated[float, typer.Option(help="within which scores must agree")] = 1e-3,
    target: Target = None, reference: Reference = None, calibration: CalibrationName = None, dtype: Dtype = None,
    device_map: DeviceMap = None, revision: Revision = None,
    prefix: Annotated[Path | None, typer.Option(help="where the prefix of non-members lies now")] = None,
    member_prefix: Annotated[Path | None, typer.Option(help="where the prefix of members lies now")] = None,
    corpus: Annotated[str | None, typer.Option(help="where the corpus lies now")] = None,
    neighbours: Annotated[str | None, typer.Option(help="where the model that proposes neighbours is now")] = None,
    shadows: Annotated[str | None, typer.Option(help="where the shadow models are now")] = None,
    text_column: TextColumn = "text", id_column: IdColumn = "id",
) -> None:  # fmt: skip
    """Measures results again and says what differs. Exit code 0: reproduced, 1: differs, 2: cannot be checked."""
    from probe.provenance.checks import Outcome, outcome, worst
    from probe.provenance.read import load_records
    from probe.provenance.record import Record, Sources
    from probe.provenance.show import summary, table
    from probe.provenance.verify import check_ids, texts_by_hash, verify_all
    from probe.show import progress

    bundled = results.suffix.lower() == ".zip"
    try:
        rows, found = _bundle(results, key) if bundled else (load_records(results), Outcome.REPRODUCED)
    except Tampered as error:
        typer.echo(f"memprobe: {error}", err=True)
        raise typer.Exit(int(Outcome.DIFFERS)) from error
    for row in rows:
        if isinstance(row, Unreadable):
            typer.echo(f"{results}, row {row.row}: {row.reason}", err=True)
            found = Outcome.UNCHECKED
    records = [row for row in rows if isinstance(row, Record)]
    given = read_known(texts or [], Columns(text_column, id_column))
    known = texts_by_hash(records, [text.text for text in given])
    if bundled and not known:
        typer.echo("The texts are not here, so nothing was measured again; name files that hold them with --texts.")
        raise typer.Exit(int(Outcome.UNCHECKED))
    before, member_before = (None if path is None else str(path) for path in (prefix, member_prefix))
    named = Sources(target, reference, calibration, revision, dtype, before, member_before, corpus, neighbours, shadows)
    with progress("Measuring again") as advance:
        checked = verify_all(records, known, Settings(), named, tolerance, device_map, advance)
    checked = [[*ids, *checks] for ids, checks in zip(check_ids(records, given), checked, strict=True)]
    table(records, checked)
    found = worst([found, *(outcome(checks) for checks in checked)])
    typer.echo(summary(checked, tolerance))
    raise typer.Exit(int(found))


def _bundle(path: Path, key: Path | None) -> tuple[list[Record | Unreadable], Outcome]:
    """Returns a bundle's records once its hashes, and with a key its signature, hold. Raises Tampered."""
    from probe.provenance.bundle import RESULTS, read_bundle
    from probe.provenance.checks import Outcome
    from probe.provenance.keys import load_public
    from probe.provenance.read import read_records

    public = load_public(key) if key else None
    found = read_bundle(path, public)
    typer.echo(f"{path}: every file is the one that the manifest names.")
    if found.checked:
        typer.echo(f"Signed with this key ({found.key}).")
    elif found.signed:
        typer.echo(f"Signed by the key {found.key}, not checked: name the signer's public key with --key.")
    else:
        typer.echo("Not signed: whoever could change a file could change its hash too.")
    rows = list(read_records(found.files[RESULTS], RESULTS))
    return rows, Outcome.UNCHECKED if found.signed and not found.checked else Outcome.REPRODUCED
