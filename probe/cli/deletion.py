"""memprobe audit deletion: was what should have been deleted from a model really deleted?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from probe.cli.audit import audit
from probe.cli.files import read_known, writable_folder
from probe.cli.options import DeviceMap, Dtype, IdColumn, TextColumn, settings_of, waiting
from probe.data.read import Columns


@audit.command()
def deletion(
    before: Annotated[str, typer.Option(help="hub id or folder of the model that was trained on the texts")],
    after: Annotated[list[str], typer.Option(help="of the model after the deletion; several, such as of more seeds")],
    retrained: Annotated[list[str], typer.Option(help="of models retrained without the texts; best two or more")],
    deleted: Annotated[list[Path], typer.Option(help="files of the texts that were to be deleted")],
    unseen: Annotated[list[Path], typer.Option(help="files of texts of the same kind that none of the models saw")],
    out: Annotated[Path | None, typer.Option(help="folder for JSON, CSV, HTML and pictures")] = None,
    alpha: Annotated[float, typer.Option(help="level of every test")] = 0.05,
    margin: Annotated[str, typer.Option(
        help="what still counts as deleted: a share of the effect before (10%), or nats per token (0.02)"
    )] = "10%",
    dtype: Dtype = None, device_map: DeviceMap = None, text_column: TextColumn = "text", id_column: IdColumn = "id",
    source_column: Annotated[str, typer.Option(help="the field of a text's document or site: one unit")] = "source",
    as_json: Annotated[bool, typer.Option("--json", help="print deletion.json instead of tables")] = False,
    fail_unless_deleted: Annotated[bool, typer.Option(
        "--fail-unless-deleted", help="exit with 3 where the outcome is not `deleted`"
    )] = False,
) -> None:  # fmt: skip
    """Compares a model after a deletion with models retrained without the texts, text by text and as a set."""
    from probe.audit.deletion.audit import audit as run
    from probe.audit.deletion.decide import Outcome
    from probe.audit.deletion.files import as_dict, write
    from probe.audit.deletion.margin import parse
    from probe.audit.deletion.result import Models, Options
    from probe.audit.deletion.show import deletion as show
    from probe.audit.deletion.texts import sort_out
    from probe.audit.gate import EXIT_CODE
    from probe.show import progress

    options = Options(alpha, parse(margin))  # a wrong option is named before anything is loaded
    if out:
        writable_folder(out, "name another folder for --out")
    columns = Columns(text_column, id_column, source_column)
    texts = sort_out(read_known(deleted, columns), read_known(unseen, columns))
    settings = settings_of(dtype=dtype, device_map=device_map)
    with waiting():
        from probe.opening import open_model

        models = Models(before, tuple(after), tuple(retrained))
        engines = models.open(lambda source: open_model(source, settings))
    with progress("Measuring") as advance:
        found = run(engines, len(after), texts, options, advance)
    written = write(found, out) if out else []
    if as_json:
        typer.echo(json.dumps(as_dict(found), ensure_ascii=True))
    else:
        show(found)
    for line in (*found.left_out, *(f"{name}: {reason}" for name, reason in found.unscored)):
        typer.echo(line, err=True)
    if written:
        typer.echo(f"Wrote {', '.join(path.name for path in written)} to {out}.", err=True)
    if fail_unless_deleted and found.outcome is not Outcome.DELETED:
        raise typer.Exit(EXIT_CODE)
