"""python -m benchmarks.shadows: trains fleets of models on the embedded corpus and attacks three targets of each.

Seventeen models per setting: seven pairs of complementary halves, and three whose halves are drawn by themselves, which
serve as targets in turn; the sixteen others are their shadows. Shokri's and the feature attack never see the target's
labels. What is trained is kept (--models) and not trained again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch

from benchmarks.figures import Row, Scores, lines, outside, rows
from benchmarks.measure import HERE, RESULTS, processor
from benchmarks.shadows.bars import bars
from benchmarks.shadows.judge import Case, judge
from benchmarks.shadows.material import BASE, SHADOWS, SINGLES, SWEEP, TEXTS, plan, sibling
from probe.shadow.fleet import train_fleet

SIDE_BY_SIDE = 2  # on a core each
TARGETS = range(SHADOWS, SHADOWS + SINGLES)
SIBLING = "a sibling in the target's place"
_BEGAN = time.monotonic()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=HERE / "models" / "shadows")
    parser.add_argument("--settings", nargs="*", choices=[*SWEEP, []], default=[])
    parser.add_argument("--texts", type=int, default=TEXTS, help="fewer only try the bench out")
    arguments = parser.parse_args()
    run(arguments.models, arguments.settings or list(SWEEP), arguments.texts)


def run(folder: Path, settings: list[str], texts: int) -> None:
    cases = [case for name in settings for case in _cases(folder, name, texts)]
    judged: dict[str, list[Scores]] = {}
    with ProcessPoolExecutor(SIDE_BY_SIDE, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        running = [(name, pool.submit(judge, case, folder / "statistics.sqlite")) for name, case in cases]
        for name, one in running:
            judged.setdefault(name, []).append(one.result())
            say(f"judged {name}")
    tables = {name: rows(found) for name, found in judged.items() if name != SIBLING}
    report = [f"## shadows: {texts} texts, {SHADOWS} + {SINGLES} models, {processor()}", *_tell(judged, tables)]
    print("\n".join(report), flush=True)
    if texts == TEXTS and set(settings) == set(SWEEP):
        with (HERE / "LOG.md").open("a") as log:
            log.write("\n" + "\n".join(report) + "\n")
        found = {name: [row.as_json() for row in table] for name, table in tables.items()}
        (RESULTS / "shadows.json").write_text(json.dumps(found, indent=1) + "\n")


def _cases(folder: Path, name: str, texts: int) -> list[tuple[str, Case]]:
    """Returns the targets of one setting under its heading, after its models were trained."""
    made = plan(SWEEP[name], texts)
    found = train_fleet(made, folder / name, side_by_side=SIDE_BY_SIDE)
    say(f"trained {name}")
    cases = [(name, Case(folder / name, BASE, found, number)) for number in TARGETS]
    if name == "typical":
        other = sibling(folder / "sibling", made, found)
        say("trained the sibling")
        cases.append((SIBLING, Case(folder / name, BASE, found, TARGETS[0], other)))
    return cases


def _tell(judged: dict[str, list[Scores]], tables: dict[str, list[Row]]) -> list[str]:
    report: list[str] = []
    for name, table in tables.items():
        report += ["", f"### {name}", "", *lines(table)]
    for scores in judged.get(SIBLING, []):
        out = "; ".join(outside(scores)) or "none"
        report += ["", f"- {SIBLING}: AUC of {len(scores)} scores, outside simultaneous 99% intervals of .5: {out}"]
    return report + (bars(tables["typical"], _nonmembers(judged["typical"])) if "typical" in tables else [])


def _nonmembers(found: Sequence[Scores]) -> int:
    return sum(len(scores["loss"][1]) for scores in found)


def say(what: str) -> None:
    print(f"[{time.monotonic() - _BEGAN:5.0f} s] {what}", flush=True)


if __name__ == "__main__":
    main()
