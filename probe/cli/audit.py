"""memprobe audit: what a model gives away, measured by attacks that know how it was trained."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from probe.cli.app import app
from probe.cli.files import writable_folder
from probe.cli.options import waiting
from probe.cli.shadow import RecipeFile, SideBySide, build, open_plan, training_bar

if TYPE_CHECKING:
    from probe.audit.defences.arms import Arm
    from probe.audit.defences.judge import Outcome
    from probe.shadow.plan import Plan

audit = typer.Typer(no_args_is_help=True, help="Audits of a model before its release.")
app.add_typer(audit, name="audit")
EPOCHS = [1, 2, 4, 8]


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
    from probe.show import progress

    plan = _plan(recipe, out)
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


@audit.command()
def defences(
    recipe: RecipeFile,
    out: Annotated[Path, typer.Option(help="the folder of the report; the models are kept beside it, OUT/fleets")],
    only: Annotated[list[str] | None, typer.Option(help="a defence to train; the recipe's or the usual ones")] = None,
    side_by_side: SideBySide = None,
    as_json: Annotated[bool, typer.Option("--json", help="print defences.json instead of the table")] = False,
) -> None:  # fmt: skip
    """Trains with each defence and without, attacks each with shadows that know it, and reports cost and gain."""
    from probe.audit.defences.arms import GROUPED, arms

    plan, only = _plan(recipe, out), only or []
    chosen = arms(plan, only)
    _compare(plan, out, chosen, "defences", side_by_side, as_json, told=not only or GROUPED in only)


@audit.command()
def overfitting(
    recipe: RecipeFile,
    out: Annotated[Path, typer.Option(help="the folder of the report; the models are kept beside it, OUT/fleets")],
    epochs: Annotated[list[int], typer.Option(min=1, help="how often the texts are read; several to compare")] = EPOCHS,
    side_by_side: SideBySide = None,
    as_json: Annotated[bool, typer.Option("--json", help="print overfitting.json instead of the table")] = False,
) -> None:  # fmt: skip
    """Trains for ever more epochs, attacks each model with shadows of its own, and draws success by over-fitting."""
    from probe.audit.defences.arms import by_epochs

    plan = _plan(recipe, out)
    _compare(plan, out, by_epochs(plan.recipe, epochs), "overfitting", side_by_side, as_json)


def _plan(recipe: Path, out: Path) -> Plan:
    writable_folder(out, "name another folder for --out")
    return open_plan(recipe)


def _compare(
    plan: Plan, out: Path, chosen: Sequence[Arm], kind: str, side_by_side: int | None, as_json: bool, told: bool = False
) -> None:
    """Trains and attacks while the user looks on, then writes and prints what was found."""
    with waiting():
        from probe.audit.defences.files import write
        from probe.audit.defences.run import compare
        from probe.audit.defences.show import table
        from probe.audit.defences.table import as_dict
    say = partial(typer.echo, err=True)
    found: list[Outcome] = []
    for outcome in compare(plan, out / "fleets", chosen, training_bar, side_by_side, say, told):
        found.append(outcome)
        written = write(found, plan, out, kind)  # what is there is kept, should a later training fail
    if as_json:
        typer.echo(json.dumps(as_dict(found, plan, kind), ensure_ascii=True))
    else:
        table(found)
    typer.echo(f"Wrote {', '.join(path.name for path in written)} to {out}.", err=True)
