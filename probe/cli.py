"""The command line: options in, the library or the service called, tables and JSON out."""

from __future__ import annotations

import json
import re
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError

from probe.config import Settings
from probe.errors import InputError, MemprobeError
from probe.ports import check_port
from probe.types import Text

if TYPE_CHECKING:
    from probe.pipeline import Probe

_PATH = re.compile(r"/|\.(jsonl|ndjson|csv|tsv|txt|md|parquet)$")
app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)
Target = Annotated[str | None, typer.Option(help="hub id or folder; the embedded pair where none is named")]
Reference = Annotated[str | None, typer.Option(help="hub id or folder of the reference model")]
CalibrationName = Annotated[str | None, typer.Option(help="name of a stored calibration")]
Dtype = Annotated[str | None, typer.Option(help="float32, bfloat16, float16 or auto; a calibration decides it")]
DeviceMap = Annotated[str | None, typer.Option(help="as in transformers: auto, cpu, cuda:0 ...")]
Revision = Annotated[str | None, typer.Option(help="the target's branch, tag or commit on the hub")]
TextColumn = Annotated[str, typer.Option(help="the field that holds the text")]
IdColumn = Annotated[str, typer.Option(help="the field that holds the id")]


@app.command()
def serve(
    target: Target = None, reference: Reference = None, calibration: CalibrationName = None, dtype: Dtype = None,
    device_map: DeviceMap = None, name: Annotated[str | None, typer.Option(help="id under which it is offered")] = None,
    host: str | None = None, port: int | None = None, log_level: Annotated[str, typer.Option()] = "info",
) -> None:  # fmt: skip
    """Starts the HTTP service."""
    import uvicorn

    settings = _settings(
        target=target, reference=reference, calibration=calibration, dtype=dtype, device_map=device_map, name=name,
        host=host, port=port,
    )  # fmt: skip
    check_port(settings.host, settings.port, "--port 8001")
    with _waiting():
        from server.app import create_app, open_models

        opened = open_models(settings)
    uvicorn.run(
        create_app(settings, lambda _: opened),
        host=settings.host,
        port=settings.port,
        log_level=log_level,
        access_log=False,
    )


@app.command()
def probe(
    inputs: Annotated[list[str], typer.Argument(help="texts, or files (.jsonl .csv .tsv .txt); - reads one text")],
    target: Target = None, reference: Reference = None, calibration: CalibrationName = None, dtype: Dtype = None,
    device_map: DeviceMap = None, revision: Revision = None,
    scores: Annotated[str | None, typer.Option(help="ids to compute, comma-separated; see docs/scores.md")] = None,
    prefix: Annotated[Path | None, typer.Option(help="file of known non-members, for recall and conrecall")] = None,
    member_prefix: Annotated[Path | None, typer.Option(help="file of known members, for conrecall")] = None,
    alpha: Annotated[float, typer.Option(help="the false-positive rate that a `member` claims")] = 0.01,
    text_column: TextColumn = "text", id_column: IdColumn = "id",
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object per text")] = False,
    tokens: Annotated[bool, typer.Option(help="with --json: every token's log-probability, rank and place")] = False,
) -> None:  # fmt: skip
    """Judges texts without a server."""
    from probe.prepare import Options
    from probe.scores import choose
    from probe.show import progress, table

    names = None if scores is None else [name.strip() for name in scores.split(",")]
    Options(alpha=alpha, scores=choose(names))  # a wrong option is named before anything is loaded
    texts, broken = _texts(inputs, text_column, id_column)
    if not texts and not broken:
        raise InputError("There is no text in what was named.")
    settings = _settings(
        target=target,
        reference=reference,
        calibration=calibration,
        dtype=dtype,
        device_map=device_map,
        prefix=prefix,
        member_prefix=member_prefix,
    )
    opened = _open(settings, revision)
    with progress("Measuring") as advance:
        results = opened(texts, scores=names, alpha=alpha, progress=advance)
    if as_json:
        from probe.response import result_dict

        for result in results:
            typer.echo(json.dumps(result_dict(result, tokens), ensure_ascii=True))
    else:
        table(results, [text.text for text in texts])
    for line in broken:
        typer.echo(line, err=True)
    if broken or any(result.error for result in results):
        raise typer.Exit(1)


@app.command()
def calibrate(
    name: Annotated[str, typer.Argument(help="the name to store it under")],
    nonmembers: Annotated[list[Path], typer.Option(help="files of texts that the target cannot have seen")],
    members: Annotated[list[Path] | None, typer.Option(help="files of texts that it was trained on")] = None,
    tuning: Annotated[list[Path] | None, typer.Option(help="more non-members; else a seventh is split off")] = None,
    target: Target = None, reference: Reference = None, dtype: Dtype = None, device_map: DeviceMap = None,
    revision: Revision = None, text_column: TextColumn = "text", id_column: IdColumn = "id", seed: int = 0,
    force: Annotated[bool, typer.Option(help="replace a calibration of this name")] = False,
) -> None:  # fmt: skip
    """Scores known texts once, so that verdicts on others can name a false-positive rate."""
    from probe.calibration.build import Known
    from probe.calibration.build import calibrate as build
    from probe.calibration.store import EMBEDDED, names, save
    from probe.show import claims, progress

    settings = _settings(target=target, reference=reference, dtype=dtype, device_map=device_map)
    settings.calibration = None
    if name in EMBEDDED or (name in names(settings.calibrations) and not force):
        raise InputError(f"There is a calibration {name} already; choose another name, or --force to replace your own.")
    texts = [_known(group or [], text_column, id_column) for group in (nonmembers, members, tuning)]
    known = Known(texts[0], members=texts[1], tuning=texts[2])
    opened = _open(settings, revision)
    with progress("Measuring the known texts") as advance:
        found = build(opened, known, name, seed, advance)
    path = save(found, settings.calibrations)
    claims(found)
    typer.echo(
        f"Stored as {name} ({path}). It holds its texts' scores and hashes, and {len(found.sentinels)} whole texts."
    )


@app.command()
def frequencies(
    files: Annotated[list[Path], typer.Argument(help="a corpus of the kind that models are trained on")],
    target: Target = None, name: Annotated[str | None, typer.Option(help="what results call the corpus")] = None,
    text_column: TextColumn = "text",
) -> None:  # fmt: skip
    """Counts a corpus's tokens for dcpdd, once for every target with this tokenizer."""
    from probe.data.frequencies import count, save

    settings = _settings(target=target)
    settings.calibration = settings.reference = None
    engine = _open(settings, None).target
    corpus = name or ", ".join(path.name for path in files)
    found = count(engine, (text for path in files for text in _known([path], text_column, "id")), corpus)
    path = save(found, settings.frequencies)
    typer.echo(f"Counted {found.counts.sum():,} tokens of {corpus} ({path}): dcpdd has a value from now on.")


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
    from probe.data.read import Unreadable
    from probe.show import progress
    from probe.textonly import show
    from probe.textonly.ask import ask as run
    from probe.textonly.opening import open_engine
    from probe.textonly.passages import Passage, read_passages
    from probe.textonly.plan import Options, plan

    options = Options(cast(Any, attack), samples, permutations, seed=seed)  # this and the engine check names themselves
    settings = _settings(target=target)
    engine = open_engine(settings, price_in, price_out, budget, max_requests, cast(Any, dialect))
    rows = list(read_passages(file, text_column, id_column))
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


@app.command()
def models() -> None:
    """Lists the embedded pair and the stored calibrations."""
    from probe.calibration.calibration import Calibration
    from probe.calibration.store import stored
    from probe.show import calibrations

    found = list(stored(Settings().calibrations))
    calibrations([entry for entry in found if isinstance(entry, Calibration)])
    for entry in found:
        if not isinstance(entry, Calibration):
            typer.echo(str(entry), err=True)


@app.command()
def demo(
    port: int | None = None, once: Annotated[bool, typer.Option(help="end after the table")] = False
) -> None:  # fmt: skip
    """Starts the service on the embedded pair and sends it texts whose truth is known."""
    from probe.demo.run import run

    run(port or Settings().port, once)


def main() -> None:
    """Entry point: an error of ours is one line on stderr and exit code 2."""
    try:
        app()
    except ValidationError as error:
        for one in error.errors():
            typer.echo(f"memprobe: {'.'.join(map(str, one['loc']))}: {one['msg']}.", err=True)
        sys.exit(2)
    except (MemprobeError, SettingsError) as error:
        typer.echo(f"memprobe: {error}", err=True)
        sys.exit(2)


def _settings(**chosen: Any) -> Settings:
    """Returns the environment's settings with the options that were given over them."""
    return Settings(**{name: value for name, value in chosen.items() if value is not None})


def _open(settings: Settings, revision: str | None) -> Probe:
    with _waiting():
        from probe.opening import open_probe

        return open_probe(
            settings.target or "demo", settings.reference, settings.calibration, dtype=settings.dtype,
            device_map=settings.device_map, revision=revision, batch_tokens=settings.batch_tokens, settings=settings,
        )  # fmt: skip


def _waiting() -> AbstractContextManager[object]:
    from rich.console import Console

    return Console(stderr=True).status("Loading the models ...")


def _texts(inputs: list[str], text_column: str, id_column: str) -> tuple[list[Text], list[str]]:
    """Returns the texts, and a line for each row that gives none."""
    from probe.data.read import Unreadable, read

    texts: list[Text] = []
    broken: list[str] = []
    for entry in inputs:
        if not _is_file(entry):
            texts.append(Text(_standard_input() if entry == "-" else entry))
            continue
        for row in read(Path(entry), text_column, id_column):
            if isinstance(row, Unreadable):
                broken.append(f"{entry}, row {row.row}: {row.reason}")
            else:
                texts.append(row)
    return texts, broken


def _is_file(entry: str) -> bool:
    """Raises InputError for what looks like a path and is no file."""
    try:
        if Path(entry).is_file():
            return True
        lost = Path(entry).is_dir() or (not any(map(str.isspace, entry)) and _PATH.search(entry))
    except (OSError, ValueError):  # too long, or holding NUL, for a name
        return False
    if lost:
        raise InputError(f"{entry} is no file; for a text that looks like a path, send it on standard input (-).")
    return False


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"Standard input is not UTF-8: invalid at byte {error.start}.") from error


def _known(paths: list[Path], text_column: str, id_column: str) -> list[str]:
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise InputError(f"No file {', '.join(missing)}.")
    texts, broken = _texts([str(path) for path in paths], text_column, id_column)
    for line in broken:
        typer.echo(line, err=True)
    return [text.text for text in texts]
