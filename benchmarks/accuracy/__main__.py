"""How well the verdicts do on a known random half of real books: make bench-accuracy.

A base of novels and encyclopedia, fine-tuned on 4,000 windows of ten other books, from mildly to over-fitted, over
three seeds; the base is the reference, a sibling fine-tuned on other windows the placebo. Models are kept, and so are
the statistics of texts.
"""

from __future__ import annotations

import argparse
import pickle
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.accuracy import shifted
from benchmarks.accuracy.figures import Judged, lines, placebo, verdicts
from benchmarks.accuracy.models import BASE, SWEEP, Order, Workshop
from benchmarks.accuracy.texts import Deal, base_paragraphs, deal, windows
from benchmarks.material import DATA
from benchmarks.measure import HERE, processor
from probe import Known, calibrate
from probe.data.overlap import Seen
from probe.models.base import Engine
from probe.models.cache import Cache, CachedEngine
from probe.models.local import LocalEngine
from probe.pipeline import Probe
from probe.types import Text

SIBLING = "2 epochs"
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
    targets = [Order(f"target {label} {n}", d.trained, SWEEP[label]) for label in SWEEP for n, d in enumerate(deals)]
    others = [Order(f"sibling {n}", [t.text for t in d["others"]], SWEEP[SIBLING]) for n, d in enumerate(deals)]
    made = iter(shop.tuned([*others, *targets]))
    bench = Bench(folder, shop.base, [next(made) for _ in deals])
    report = [f"## accuracy: {seeds} seeds, {shop.parameters:,} parameters, base {base_epochs} epochs", "", processor()]
    for label in SWEEP:
        found = []
        for seed, dealt in enumerate(deals):
            found.append(bench.judge(next(made), dealt, seed))
            say(f"{label}, seed {seed}: {verdicts(found[-1])}")
        part = [f"### {label}", "", *lines(found), "", *(f"- {verdicts(one)}" for one in found)]
        print("\n".join(part), flush=True)
        report += ["", *part]
    part = ["### sibling, which never saw the members, in the target's place", ""]
    for seed, dealt in enumerate(deals):
        part += [f"- seed {seed}: {line}" for line in placebo(bench.judge_sibling(dealt, seed))]
    part += ["", "### sets of another kind", "", *shifted.lines(bench.probe(bench.siblings[0]), shop.length)]
    print("\n".join(part), flush=True)
    if share == 1:
        with (HERE / "LOG.md").open("a") as log:
            log.write("\n" + "\n".join([*report, "", *part]) + "\n")


class Bench:
    """The base as reference, siblings as placebos, and the statistics that were measured."""

    def __init__(self, folder: Path, base: Path, siblings: list[Path]) -> None:
        self._cache, self._base, self.siblings = Cache(folder / "statistics.sqlite", 1 << 34), base, siblings

    def judge(self, target: Path, dealt: Deal, seed: int) -> Judged:
        """Calibrates a target and judges the test texts."""
        return self._judge(target, dealt, seed, self._engine(self.siblings[seed]))

    def judge_sibling(self, dealt: Deal, seed: int) -> Judged:
        """The same with the placebo in the target's place."""
        return self._judge(self.siblings[seed], dealt, seed, None)

    def probe(self, target: Path) -> Probe:
        return Probe(self._engine(target), self._engine(self._base))

    def _engine(self, place: Path) -> Engine:
        return CachedEngine(LocalEngine.open(str(place)), self._cache)

    def _judge(self, target: Path, dealt: Deal, seed: int, third: Engine | None) -> Judged:
        probe = self.probe(target)
        known = Known(
            dealt["known"], dealt["known_members"], dealt["tuning"], dealt["tuning_members"], basis="split",
            distinct=True,
        )  # fmt: skip
        judged = Probe.of(probe.setup, calibrate(probe, known, "bench", seed, placebo=third))
        return Judged(judged, judged(dealt["members"]), judged(dealt["nonmembers"]))


def _deck(folder: Path, shop: Workshop, paragraphs: list[str]) -> list[Text]:
    """Windows of the books, cut once: counting tokens sentence by sentence takes half a minute."""
    path = folder / f"windows-{shop.base.name}.pickle"
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
