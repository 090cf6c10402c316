"""memprobe audit: what a model gives away, measured by attacks that know how it was trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from probe.cli.app import app
from probe.cli.files import writable_folder
from probe.cli.options import waiting
from probe.cli.shadow import RecipeFile, build

audit = typer.Typer(no_args_is_help=True, help="Audits of a model before its release.")
app.add_typer(audit, name="audit")


@audit.command()
def attacks(
    recipe: RecipeFile,
    out: Annotated[Path, typer.Option(help="the folder of the report; the shadow models are kept beside it")],
    fleet: Annotated[Path | None, typer.Option(help="shadow models of this recipe; else OUT/fleet")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print evaluation.json instead of tables")] = False,
) -> None:  # fmt: skip
    """Trains shadows of a model by its recipe, attacks it with them, and writes a report."""
    from probe.audit.files import as_dict, write
    from probe.audit.show import figures
    from probe.config import Settings
    from probe.shadow.plan import read_plan
    from probe.show import progress

    writable_folder(out, "name another folder for --out")
    plan = read_plan(recipe)
    with waiting():
        from probe.audit.shadowed import attack, check
    check(plan)
    models = fleet or out / "fleet"
    universe, study = build(plan, models)
    if study is None:  # another process of accelerate's goes on
        return
    with progress("Attacking") as advance:
        found = attack(plan, universe, models, Settings(), advance)
    written = write(found, out)
    if as_json:
        typer.echo(json.dumps(as_dict(found), ensure_ascii=True))
    else:
        figures(found)
    typer.echo(f"Wrote {', '.join(path.name for path in written)} to {out}.", err=True)
