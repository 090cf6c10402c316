"""memprobe shadow: models trained with and without texts, for the attacks that need them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probe.cli.app import app
from probe.cli.files import writable_folder
from probe.cli.options import waiting
from probe.errors import InputError

if TYPE_CHECKING:
    from probe.shadow.plan import Plan
    from probe.shadow.study import Study
    from probe.shadow.universe import Universe

shadow = typer.Typer(no_args_is_help=True, help="Shadow models: train a fleet or a target by a recipe.")
app.add_typer(shadow, name="shadow")
RecipeFile = Annotated[Path, typer.Argument(help="a recipe (TOML): base, texts and how to train; see the guide")]
SideBySide = Annotated[int | None, typer.Option(min=1, help="trainings at once; else as many as there is room for")]
_TOLD = 5  # rows that gave no text


@shadow.command()
def train(
    recipe: RecipeFile,
    out: Annotated[Path, typer.Option(help="the fleet's folder; where one is begun, it is gone on with")],
    side_by_side: SideBySide = None,
    every: Annotated[float, typer.Option(min=0, help="seconds between checkpoints, to go on from")] = 60,
) -> None:  # fmt: skip
    """Trains shadow models on random halves of the texts, and learns attacks on them."""
    writable_folder(out)
    plan = open_plan(recipe)
    found, done = build(plan, out, side_by_side=side_by_side, every=every)
    if done is None:  # another process of accelerate's does that
        return
    models, texts = found.inside.shape
    typer.echo(
        f"{out} holds {models} models; each saw half of {texts:,} texts, {len(found.population):,} were seen by none. "
        f"Use it with --shadows {out}."
    )
    if found.left_out:
        typer.echo(f"{found.left_out} texts were left out: empty, or copies of others.")
    if done.attacks is None:
        typer.echo("Too few texts to learn the attacks shokri and feature_attack; the other scores need none of that.")


@shadow.command()
def target(
    recipe: RecipeFile,
    out: Annotated[Path, typer.Option(help="the model's folder; where training was begun, it is gone on with")],
) -> None:
    """Trains one model on the recipe's `members`, as its shadows are trained."""
    from probe.show import training

    plan = open_plan(recipe)
    if not plan.groups["members"]:
        raise InputError(f"{recipe}: name files of members, which the target is to be trained on.", "members")
    if plan.recipe.epsilon and plan.seed:
        typer.echo(
            f"Epsilon rests on a seed that nobody knows, and seed = {plan.seed} stands in {recipe}: leave it out, and "
            "one is drawn and forgotten.", err=True,
        )  # fmt: skip
    with waiting():
        from probe.shadow.fleet import train_one
    with training(f"Training {writable_folder(out).name}") as advance:
        train_one(plan, [text.text for text in plan.groups["members"]], out, advance)
    typer.echo(f"{out} was trained on {len(plan.groups['members']):,} texts.")


def open_plan(recipe: Path) -> Plan:
    """Returns what a recipe says; tells on stderr of rows that gave no text."""
    from probe.shadow.recipe_file import read_plan

    plan = read_plan(recipe)
    for line in plan.unread[:_TOLD]:
        typer.echo(f"Left out: {line}.", err=True)
    if (more := len(plan.unread) - _TOLD) > 0:
        typer.echo(f"Left out: {more:,} more rows.", err=True)
    return plan


def build(plan: Plan, out: Path, **options: Any) -> tuple[Universe, Study | None]:
    """Trains and studies a fleet while the user looks on; options as of probe.shadow.fleet.train_fleet."""
    with waiting():
        from probe.shadow.examine import examine
        from probe.shadow.fleet import train_fleet
    with training_bar() as advance:
        found = train_fleet(plan, out, advance, **options)
    with waiting() as status:
        return found, examine(plan, found, out, lambda what: status.update(f"{what.capitalize()} ..."))


@contextmanager
def training_bar(what: str = "shadow models") -> Iterator[Callable[[int, int, float], None]]:
    """Shows a bar with the models done and the remaining time on stderr; yields what advances it."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _tell(what)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(f"Training {what}", total=1.0)
        yield lambda done, total, share: bar.update(
            task, completed=share, description=f"Training {what}, {done} of {total} done"
        )


def _tell(what: str) -> Callable[[int, int, float], None]:
    """Returns what writes a line for each model that is done: for logs."""
    told = -1

    def tell(done: int, total: int, share: float) -> None:
        nonlocal told
        if done != told:
            typer.echo(f"Training {what}, {done} of {total} done", err=True)
            told = done

    return tell
