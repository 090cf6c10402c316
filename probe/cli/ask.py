"""memprobe ask: targets that give no log-probabilities."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from probe.cli.app import app
from probe.cli.options import IdColumn, TextColumn, settings_of


@app.command()
def ask(
    file: Annotated[Path, typer.Argument(help='texts; .jsonl rows may bring "paraphrases": [3 strings] for the quiz')],
    target: Annotated[str | None, typer.Option(help="base of an OpenAI-compatible API, #ID behind it")] = None,
    attack: Annotated[str, typer.Option(help="samia, quiz or both")] = "both",
    samples: Annotated[int, typer.Option(help="continuations of each text, for samia")] = 10,
    permutations: Annotated[int, typer.Option(help="orders of each quiz: 4, 8, ... 24")] = 24,
    price_in: Annotated[float | None, typer.Option(help="per million tokens sent")] = None,
    price_out: Annotated[float | None, typer.Option(help="per million tokens generated")] = None,
    budget: Annotated[float | None, typer.Option(help="the most that it may cost")] = None,
    max_requests: Annotated[int | None, typer.Option(help="the most requests that may be answered")] = None,
    dialect: Annotated[str | None, typer.Option(help="completions or chat; tried in this order by default")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask back after the estimate")] = False,
    text_column: TextColumn = "text", id_column: IdColumn = "id", seed: int = 0,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object per text, then one for all")] = False,
) -> None:  # fmt: skip
    """Scores texts by what a target writes, where it gives no log-probabilities: scores only, no verdict."""
    from probe.data.read import Columns, Unreadable
    from probe.show import progress
    from probe.textonly import show
    from probe.textonly.ask import ask as run
    from probe.textonly.opening import open_engine
    from probe.textonly.passages import Passage, read_passages
    from probe.textonly.plan import Options, plan

    options = Options(cast(Any, attack), samples, permutations, seed=seed)  # this and the engine check names themselves
    settings = settings_of(target=target)
    engine = open_engine(settings, price_in, price_out, budget, max_requests, cast(Any, dialect))
    rows = list(read_passages(file, Columns(text_column, id_column)))
    passages = [row for row in rows if isinstance(row, Passage)]
    typer.echo(show.estimate(plan(engine, passages, options)), err=True)
    if not yes:
        typer.confirm("Ask the target?", abort=True, err=True)
    with progress("Asking") as advance:
        asked = run(engine, passages, options, advance)
    if as_json:
        for entry in show.lines(asked):
            typer.echo(json.dumps(entry, ensure_ascii=True))
    else:
        show.scores(asked, passages)
    broken = [f"{file}, row {row.row}: {row.reason}" for row in rows if isinstance(row, Unreadable)]
    for line in broken:
        typer.echo(line, err=True)
    if broken or any(result.failed for result in asked.results):
        raise typer.Exit(1)
