"""python -m benchmarks.defences: trains the embedded reference with each usual defence and attacks each by LiRA.

Per defence seven models: three pairs of complementary halves are the shadows of one whose texts were drawn one by one.
What is trained is kept (--models) and not trained again.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from benchmarks.measure import HERE, RESULTS, processor
from benchmarks.shadows.material import BASE, SWEEP, passages
from probe.audit.defences.arms import arms
from probe.audit.defences.files import write
from probe.audit.defences.judge import ATTACK, Outcome
from probe.audit.defences.run import compare
from probe.audit.defences.table import as_dict, others, row
from probe.audit.metrics import Figure, Vector, rate, roc
from probe.audit.privacy import allowed
from probe.shadow.fleet import Progress
from probe.shadow.plan import Plan
from probe.types import Text

TEXTS, SHADOWS = 4400, 6  # of the texts a share is attacked (deal.py), others are spare or held out
_BEGAN = time.monotonic()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=HERE / "models" / "defences")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--texts", type=int, default=TEXTS, help="fewer only try the bench out")
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    texts = random.Random(0).sample(passages(), arguments.texts)
    plan = Plan(str(BASE), {"texts": [Text(text) for text in texts]}, SWEEP["typical"], SHADOWS)
    chosen, found = arms(plan, arguments.only), []
    for outcome in compare(plan, arguments.models, chosen, bar, side_by_side=2, told=True):
        found.append(outcome)
        say(f"{outcome.arm}: AUC {outcome.figures[ATTACK].auc}, perplexity {outcome.perplexity:.3f}")
    write(found, plan, arguments.models)
    report = [f"## defences: {len(texts)} texts, {SHADOWS} shadows, {processor()}", "", *table(found), "", *bars(found)]
    print("\n".join(report), flush=True)
    if arguments.texts == TEXTS and not arguments.only:
        with (HERE / "LOG.md").open("a") as log:
            log.write("\n" + "\n".join(report) + "\n")
        (RESULTS / "defences.json").write_text(json.dumps(as_dict(found, plan)["arms"], indent=1) + "\n")


def table(found: list[Outcome]) -> list[str]:
    rows = [row(one) | {f"AUC of {name}": area for name, area in others(one).items()} for one in found]
    heads = list(rows[0])
    cells = [[one.get(head, "") for head in heads] for one in rows]
    return ["| " + " | ".join(line) + " |" for line in (heads, ["---"] * len(heads), *cells)]


def bars(found: list[Outcome]) -> list[str]:
    """Returns what is asked of private trainings, and whether it holds."""
    said = []
    for one in found:
        figures = one.figures[ATTACK]
        if not one.promise or not isinstance(figures.auc, Figure):
            continue
        epsilon, delta = one.promise
        above = beyond(*one.values[ATTACK], epsilon, delta)
        held = figures.auc.low <= 0.5 <= figures.auc.high
        said += [
            f"- {one.arm}: the AUC's interval holds .5: {held}; highest surplus of TPR over its bound: {above:+.4f}; "
            f"epsilon shown {_shown(one)}, promised {epsilon:g}; {figures.members + figures.nonmembers} texts"
        ]
    return said


def beyond(members: Vector, nonmembers: Vector, epsilon: float, delta: float) -> float:
    """Returns the highest surplus of the ROC over what the promise allows, each rate at the end of its 95% interval
    that speaks for the promise: at an FPR of one text of 1,210 the rates themselves say nothing.
    """
    fprs, tprs = roc(members, nonmembers)
    low = [rate(round(tpr * len(members)), len(members)).low for tpr in tprs]
    high = np.array([rate(round(fpr * len(nonmembers)), len(nonmembers)).high for fpr in fprs])
    return float((np.array(low) - allowed(high, epsilon, delta)).max())


def _shown(found: Outcome) -> str:
    if found.shown is None:
        return "not by this bound"
    rates = f"no bounds: {found.shown.by_rates:.2f} rates, {found.shown.gaussian:.2f} Gaussian"
    return f"{found.shown.one_run:.2f} (one run; {rates})"


@contextmanager
def bar(name: str) -> Iterator[Progress]:
    say(f"training: {name}")
    yield lambda done, total, share: None


def say(what: str) -> None:
    print(f"[{time.monotonic() - _BEGAN:5.0f} s] {what}", flush=True)


if __name__ == "__main__":
    main()
