"""How well the verdicts do on a known random half of real books: make bench-accuracy.

A base of novels and encyclopedia, fine-tuned on 4,000 windows of ten other books, from mildly to over-fitted, over
three seeds; the base is the reference, a sibling fine-tuned on other windows the placebo. Models are kept.
"""

from __future__ import annotations

import argparse
import pickle
import time
from pathlib import Path

from benchmarks.accuracy.figures import Judged, lines, placebo, verdicts
from benchmarks.accuracy.models import BASE, SWEEP, Workshop
from benchmarks.accuracy.texts import Deal, base_paragraphs, deal, windows
from benchmarks.material import DATA
from benchmarks.measure import HERE, processor
from probe import Known, calibrate
from probe.data.overlap import Seen
from probe.demo.train import Recipe
from probe.models.local import LocalEngine
from probe.pipeline import Probe
from probe.types import Text

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
    shop = Workshop(folder, paragraphs, say, Recipe(base_epochs, BASE.rate, BASE.tokens))
    say(f"base of {shop.parameters:,} parameters")
    deck = _deck(folder, shop, paragraphs)
    head = f"## accuracy: {seeds} seeds, {shop.parameters:,} parameters, base {base_epochs} epochs"
    report = [head, "", processor(), ""]
    for label, recipe in SWEEP.items():
        found, siblings = [], []
        for seed in range(seeds):
            dealt = deal(deck, seed, share)
            target = shop.tuned(f"target {label} {seed}", dealt.trained, recipe)
            sibling = shop.tuned(f"sibling {label} {seed}", [text.text for text in dealt["others"]], recipe)
            found.append(judge(target, sibling, shop.base, dealt, seed))
            siblings.append(judge(sibling, target, shop.base, dealt, seed, plain=True))
            say(f"{label}, seed {seed}: {verdicts(found[-1])}")
        report += [f"### {label}", "", *lines(found), "", *(f"- {verdicts(one)}" for one in found), ""]
        report += [f"- sibling, seed {seed}: {line}" for seed, one in enumerate(siblings) for line in placebo(one)]
        report += [""]
        print("\n".join(report[-30:]), flush=True)
    if share == 1:
        with (HERE / "LOG.md").open("a") as log:
            log.write("\n" + "\n".join(report) + "\n")


def judge(target: Path, third: Path, base: Path, dealt: Deal, seed: int, plain: bool = False) -> Judged:
    """Calibrates a target and judges the test texts; third: the placebo, none where the target is one (plain)."""
    probe = Probe(LocalEngine.open(str(target)), LocalEngine.open(str(base)))
    known = Known(
        dealt["known"], dealt["known_members"], dealt["tuning"], dealt["tuning_members"], basis="split", distinct=True
    )
    made = calibrate(probe, known, "bench", seed, placebo=None if plain else LocalEngine.open(str(third)))
    judged = Probe.of(probe.setup, made)
    return Judged(judged, judged(dealt["members"]), judged(dealt["nonmembers"]))


def _deck(folder: Path, shop: Workshop, paragraphs: list[str]) -> list[Text]:
    """Windows of the books, cut once: counting tokens sentence by sentence takes half a minute."""
    path = folder / "windows.pickle"
    if not path.is_file():
        seen = Seen()
        for paragraph in paragraphs:
            seen.add(paragraph)
        path.write_bytes(pickle.dumps(windows(DATA, shop.length, seen, 0)))
    found: list[Text] = pickle.loads(path.read_bytes())
    return found


def say(what: str) -> None:
    print(f"[{time.monotonic() - _BEGAN:5.0f} s] {what}", flush=True)


if __name__ == "__main__":
    main()
