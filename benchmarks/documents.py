"""python -m benchmarks.documents: a novel of 100,000 tokens scanned by a model of 3M parameters, against its passes.

The passes are those of the scan itself, recorded and run again in the same batches. And how many windows that can be
extracted the screen misses, by a scan that scores all of them exactly, on the embedded target's own planted passages.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from benchmarks.material import DATA
from benchmarks.measure import Row, compare, processor, write
from probe.demo.locate import find, marks
from probe.demo.models import new_model
from probe.documents.apart import read_file
from probe.memorization.extraction import LEVELS
from probe.memorization.scan import Options, scan
from probe.memorization.windows import Shape, body, exact
from probe.models.around import Around
from probe.models.base import NO_EXTRAS, Extras
from probe.models.load import find as source_of
from probe.models.local import LocalEngine
from probe.types import Tokens, TokenStats, Unscored
from tests.tiny import ASSETS

WIDTH, LAYERS, TOKENS = 224, 4, 100_000
NOVEL = DATA / "gutenberg"


class Recorded(Around):
    """An engine that remembers what it was asked."""

    def __init__(self, engine: LocalEngine) -> None:
        super().__init__(engine)
        self.asked: list[Sequence[Tokens]] = []

    def score(self, texts: Sequence[Tokens], extras: Extras = NO_EXTRAS) -> list[TokenStats | Unscored]:
        self.asked.append(texts)
        return self._engine.score(texts, extras)


def engine(seed: int) -> LocalEngine:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(ASSETS / "reference")
    model = new_model(tokenizer, width=WIDTH, layers=LAYERS, seed=seed).eval()
    return LocalEngine(source_of(str(ASSETS / "reference")), model=model)


def novel() -> str:
    """Returns about TOKENS tokens of one novel, or of the embedded documentation where there is none."""
    paths = sorted(NOVEL.glob("*.txt"), key=lambda path: -path.stat().st_size)
    text = read_file(paths[0]).text if paths else " ".join(find(marks()).values())
    return text[: TOKENS * len(text) // len(body_of(text))]


def body_of(text: str) -> np.ndarray:
    (tokens,) = LocalEngine.open(str(ASSETS / "reference")).tokenize([text])
    assert isinstance(tokens, Tokens)
    return body(tokens)


def speed() -> Row:
    target, reference, text = Recorded(engine(0)), engine(1), novel()
    began = time.monotonic()
    found = scan(target, reference, text)
    print(f"{found.size:,} tokens, {len(found.begins):,} windows, {int(found.scored.sum()):,} exact, in "
          f"{time.monotonic() - began:.0f} s", flush=True)  # fmt: skip
    asked = list(target.asked)

    def passes() -> int:
        for model in (target._engine, reference):
            for texts in asked:
                model.score(texts)
        return found.size

    def whole() -> int:
        scan(target, reference, text)
        return found.size

    return compare("scan of a novel, 3M parameters, two models", {"passes": passes, "scan": whole}, 3, least=1 / 1.3)


def missed() -> Row:
    """Of windows that can be extracted by all exact scores, the share that the screen had chosen."""
    chosen = [one for one in marks() if one.role == "planted" or (one.role == "nonmember" and one.split == "test")]
    texts = list(find(chosen[:60] + chosen[-300:]).values())
    random.Random(0).shuffle(texts)
    target, reference = (LocalEngine.open(str(ASSETS / name)) for name in ("target", "reference"))
    options = Options(Shape(12, 12, 4))
    found = scan(target, reference, "\n\n".join(texts), options)
    every, _ = exact(target, found.tokens, found.begins, found.shape, lambda count: None)
    held = every >= np.log(LEVELS[0])
    share = float((held & found.scored).sum() / held.sum())
    print(
        f"{int(held.sum())} of {len(held):,} windows can be extracted; {found.scored.mean():.0%} were chosen",
        flush=True,
    )
    return Row("windows with p_z of .001 or more that the screen chose", {"share": share}, "share")


def main() -> None:
    torch.set_num_threads(2)
    print(processor())
    write("documents", [speed(), missed()])


if __name__ == "__main__":
    main()
