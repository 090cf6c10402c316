"""How well the verdicts do on a known random half of real books: make bench-accuracy.

A base of novels and encyclopedia, fine-tuned on 4,000 windows of ten other books, from mildly to over-fitted, over
three seeds. Reference: the base adapted to 2,000 known non-members, and once the base as it is; placebo: a sibling
fine-tuned on other windows. Models are kept, and so are the statistics of texts.
"""

from __future__ import annotations

import argparse
import json
import pickle
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.accuracy import shifted
from benchmarks.accuracy.figures import bars, placebo, verdicts
from benchmarks.accuracy.judge import Case, Judged, judge_all
from benchmarks.accuracy.models import BASE, SWEEP, Order, Workshop
from benchmarks.accuracy.texts import Deal, base_paragraphs, deal, windows
from benchmarks.figures import Row, lines, rows
from benchmarks.material import DATA
from benchmarks.measure import HERE, RESULTS, processor
from probe.data.overlap import Seen
from probe.models.local import LocalEngine
from probe.pipeline import Probe
from probe.types import Text

TYPICAL, MILDEST = "typical", "mild"  # loss AUC about .7, about .6
_BEGAN = time.monotonic()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--share", type=float, default=1.0, help="of the texts; less than 1 only tries the bench out")
    parser.add_argument("--base-epochs", type=int, default=BASE.epochs)
    parser.add_argument("--models", type=Path, default=HERE / "models")
    arguments = parser.parse_args()
    if not (DATA / "classic_books").is_dir():
        raise SystemExit(
            "The folder of test material is absent. The embedded pair's own figures: python -m probe.demo.build"
        )
    run(arguments.models, arguments.seeds, arguments.share, arguments.base_epochs)


def run(folder: Path, seeds: int, share: float, base_epochs: int) -> None:
    paragraphs = base_paragraphs(DATA)
    paragraphs = paragraphs[: int(len(paragraphs) * share)]
    shop = Workshop(folder, paragraphs, say, replace(BASE, epochs=base_epochs))
    deals = [deal(_deck(folder, shop, paragraphs), seed, share) for seed in range(seeds)]
    sets = _cases(shop, deals)
    judged = judge_all([case for cases in sets.values() for case in cases], folder / "statistics.sqlite")
    report = [f"## accuracy: {seeds} seeds, {shop.parameters:,} parameters, base {base_epochs} epochs", "", processor()]
    tables: dict[str, list[Row]] = {}
    every: dict[str, list[Judged]] = {}
    for label, cases in sets.items():
        found = [next(judged) for _ in cases]
        say(label)
        report += _tell(label, found)
        tables[label], every[label] = rows([one.scores for one in found]), found
    any_sibling = Probe(LocalEngine.open(str(sets["sibling"][0].target)), LocalEngine.open(str(shop.base)))
    report += _print(["", "### sets of another kind", "", *shifted.lines(any_sibling, shop.length)])
    report += _print(["", *bars(tables[TYPICAL], tables[MILDEST], every[TYPICAL])])
    say("done")
    if share == 1:
        with (HERE / "LOG.md").open("a") as log:
            log.write("\n" + "\n".join(report) + "\n")
        (RESULTS / "accuracy.json").write_text(
            json.dumps({label: [row.as_json() for row in table] for label, table in tables.items()}, indent=1) + "\n"
        )


def _cases(shop: Workshop, deals: Sequence[Deal]) -> dict[str, list[Case]]:
    """Returns what is to be judged, by its heading, a case per seed; models that are not there yet are made."""
    siblings = [Order(f"sibling {n}", [t.text for t in d["others"]], SWEEP[TYPICAL]) for n, d in enumerate(deals)]
    adapted = [Order(f"reference {n}", [t.text for t in d.set_aside[0]]) for n, d in enumerate(deals)]
    targets = [Order(f"target {label} {n}", d.trained, SWEEP[label]) for label in SWEEP for n, d in enumerate(deals)]
    made = iter(shop.tuned([*siblings, *adapted, *targets]))
    seeds = range(len(deals))
    siblings_at, adapted_at = [next(made) for _ in seeds], [next(made) for _ in seeds]
    cases = {label: [Case(next(made), adapted_at[n], siblings_at[n], deals[n], n) for n in seeds] for label in SWEEP}
    cases[f"{TYPICAL}, the base as it is for reference"] = [replace(one, reference=shop.base) for one in cases[TYPICAL]]
    cases["sibling"] = [replace(one, target=siblings_at[one.seed], placebo=None) for one in cases[TYPICAL]]
    return cases


def _tell(label: str, found: Sequence[Judged]) -> list[str]:
    if label != "sibling":
        return _print(
            [
                "",
                f"### {label}",
                "",
                *lines(rows([one.scores for one in found])),
                "",
                *(f"- {verdicts(one)}" for one in found),
            ]
        )
    said = [f"- seed {seed}: {line}" for seed, one in enumerate(found) for line in placebo(one)]
    return _print(["", "### a sibling, which never saw the members, in the target's place", "", *said])


def _print(part: list[str]) -> list[str]:
    print("\n".join(part), flush=True)
    return part


def _deck(folder: Path, shop: Workshop, paragraphs: list[str]) -> list[Text]:
    """Windows of the books, cut once: counting tokens sentence by sentence takes half a minute."""
    path = folder / f"windows-{shop.base.name}.pickle"
    if not path.is_file():
        path.write_bytes(pickle.dumps(windows(DATA, shop.length, Seen(paragraphs))))
    found: list[Text] = pickle.loads(path.read_bytes())
    return found


def say(what: str) -> None:
    print(f"[{time.monotonic() - _BEGAN:5.0f} s] {what}", flush=True)


if __name__ == "__main__":
    main()
