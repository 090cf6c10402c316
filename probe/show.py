"""Tables and progress for a terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text as Line

from probe.calibration.calibration import Calibration
from probe.calibration.conformal import smallest_alpha
from probe.types import InCorpus, Result

console = Console()
_COLOURS = {"member": "red", "not_member": "green", "inconclusive": "yellow", "out_of_distribution": "magenta"}
_GATES = {"pass": "green", "fail": "bold red", "untestable": "yellow"}


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """Shows a bar with the remaining time on stderr; yields what advances it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def training(label: str) -> Iterator[Callable[[str, float, float], None]]:
    """Shows a bar with the epoch, the loss and the remaining time on stderr; yields what advances it."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=1.0)
        yield lambda step, share, loss: bar.update(
            task, completed=share, description=f"{label}, {step}, loss {loss:.3f}"
        )


def verdict(call: str | None) -> Line:
    """Returns an answer in its colour."""
    return Line(call or "error", style=_COLOURS.get(call or "", "bold red"))


def table(results: Sequence[Result], texts: Sequence[str]) -> None:
    """Prints the verdict on each text with its figures, its first words and its reason."""
    for result, text in zip(results, texts, strict=True):
        found, score = result.verdict, result.score
        figures = {
            "p-value": number(found.p_value if found else None),
            "q-value": number(result.q_value),
            "evidence": found.evidence if found else None,
            "PPV at prior 10%": at_least(found.ppv[0.1]) if found and 0.1 in found.ppv else None,
        }
        if score:
            figures[score.name] = f"{score.value:.3f}"
        head = verdict(str(found.call) if found else None)
        head.append("".join(f"  {name} {value}" for name, value in figures.items() if value), style="default")
        console.print(Line(f"{result.id or result.index}  ", style="bold").append(head))
        for line in (excerpt(text, console.width - 4), (found.reason if found else result.error) or ""):
            console.print(Padding(Line(line), (0, 0, 0, 4)))
        if result.corpus:
            console.print(Padding(Line(f"In the corpus: {in_corpus(result.corpus)}."), (0, 0, 0, 4)))
    for warning in dict.fromkeys(warning for result in results for warning in result.warnings):
        console.print(Line(f"Warning: {warning}.", style="yellow"))


def calibrations(found: Sequence[Calibration]) -> None:
    """Prints a row per calibration."""
    grid = Table("calibration", "score", "non-members", "members", "smallest FPR", "tokens", "made")
    for entry in found:
        claim = entry.claim(0.01)
        grid.add_row(
            entry.name, entry.score, f"{claim.nonmembers:,}", f"{claim.members:,}", f"{claim.smallest_alpha:.2%}",
            "{} to {}".format(*entry.lengths), entry.created[:10],
        )  # fmt: skip
    console.print(grid)


def claims(found: Calibration) -> None:
    """Says what the calibration can claim, and what more would take."""
    n = len(found.nonmembers)
    console.print(f"{n:,} known non-members and {len(found.members):,} members, score {found.score}. {found.power}")
    for kind in found.strata:
        least = smallest_alpha(len(kind.scores))
        console.print(
            f"Texts like those of {kind.name} must also exceed the {len(kind.scores):,} non-members of it, and can "
            f"claim no FPR below {least:.2%}."
        )
    for name, gate in found.gates.items():
        console.print(Line(f"{name}: {gate}", style=_GATES[gate]).append(f", {found.findings[name]}.", style="default"))
    for note in found.notes:
        console.print(f"Note: {note}.")


def in_corpus(found: InCorpus) -> str:
    """Says what a corpus holds of a text."""
    note = f" ({found.note})" if found.note else ""
    if found.found is None:
        return f"not looked up{note}"
    if found.found == "none":
        return f"not found{note}"
    what = "the whole text" if found.found == "exact" else f"a run of {found.run_words} words ({found.share:.0%} of it)"
    times = f"{found.documents:,} " + ("document" if found.documents == 1 else "documents")
    return f"{what}, in {times}{': ' + ', '.join(found.ids) if found.ids else ''}{note}"


def excerpt(text: str, width: int) -> str:
    flat = "".join(character if character.isprintable() else " " for character in text)  # no terminal codes
    flat = " ".join(flat.split())
    return flat if len(flat) <= width else flat[: width - 3] + "..."


def at_least(share: float) -> str:
    """Returns a lower bound in percent, never rounded up."""
    return f"{math.floor(100 * share + 1e-9)}%"


def number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
