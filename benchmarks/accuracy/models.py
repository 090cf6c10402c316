"""A base, targets fine-tuned on the members, siblings on others, and references adapted to known non-members: each
trained once and kept by what made it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from benchmarks.accuracy.texts import packed
from probe.demo.models import encode, new_model, train_tokenizer
from probe.shadow.adapt import RECIPE, adapt
from probe.shadow.recipe import Recipe
from probe.shadow.train import train

VOCABULARY, WIDTH, LAYERS, ROW = 4096, 128, 4, 240
BASE = Recipe(epochs=3, rate=4e-3, tokens=4096, muon=True)
# A low rate over more epochs memorises evenly: at a loss AUC of .74 wbc has an AUC of .992 after four epochs at .0005,
# of .980 after two at .001.
SWEEP = {
    "mild": Recipe(epochs=2, rate=4e-4, tokens=2048, muon=True),
    "typical": Recipe(epochs=4, rate=4e-4, tokens=2048, muon=True),
    "over-fitted": Recipe(epochs=3, rate=1.5e-3, tokens=2048, muon=True),
}
SIDE_BY_SIDE = 2  # trainings, on a core each: models this small gain little from a second core
Say = Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """A model to be made from the base: fine-tuned with a row per text, or without a recipe adapted as a user would."""

    name: str
    texts: Sequence[str]
    recipe: Recipe | None = None


class Workshop:
    """A folder of trained models, named by the hash of recipe and texts."""

    def __init__(self, folder: Path, paragraphs: Sequence[str], say: Say, recipe: Recipe = BASE) -> None:
        """paragraphs: of the base. Trains tokenizer and base where they are not there yet."""
        self._folder, self._say = folder, say
        self._words = folder / f"tokenizer-{sha256(''.join(paragraphs).encode()).hexdigest()[:12]}"
        if not self._words.is_dir():
            train_tokenizer(paragraphs, VOCABULARY).save_pretrained(self._words)
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(self._words)
        blank = new_model(self.tokenizer, width=WIDTH, layers=LAYERS, seed=0)
        self.parameters = sum(parameter.numel() for parameter in blank.parameters())
        # cut as the members are: else every text would teach the target how windows begin and join
        rows = encode(self.tokenizer, list(packed(paragraphs, self.length, ROW)))
        self.base = self._place("base", rows, recipe, str(blank.config.to_diff_dict()))
        if not _there(self.base):
            self._say(
                f"training the base of {self.parameters:,} parameters on {sum(map(len, rows)):,} tokens: {recipe}"
            )
            _keep(train(blank, rows, recipe), self._words, self.base)

    def length(self, text: str) -> int:
        """Returns the tokens of a text, without BOS."""
        return len(self.tokenizer(text, verbose=False)["input_ids"]) - 1

    def tuned(self, orders: Sequence[Order]) -> list[Path]:
        """Returns the folder of each, after those that are not there yet were trained side by side."""
        rows = [encode(self.tokenizer, order.texts) for order in orders]
        places = [
            self._place(order.name, own, order.recipe, self.base.name) for order, own in zip(orders, rows, strict=True)
        ]
        with ProcessPoolExecutor(SIDE_BY_SIDE, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
            running = {
                pool.submit(_make, self.base, order, own, self._words, place): order
                for order, own, place in zip(orders, rows, places, strict=True)
                if not _there(place)
            }
            for done, order in running.items():
                done.result()
                self._say(f"trained {order.name}: {order.recipe or 'adapted'}")
        return places

    def _place(self, name: str, rows: list[list[int]], recipe: Recipe | None, start: str) -> Path:
        facts = json.dumps([asdict(recipe or RECIPE), rows, start])
        return self._folder / f"{name.replace(' ', '-')}-{sha256(facts.encode()).hexdigest()[:12]}"


def _make(base: Path, order: Order, rows: list[list[int]], words: Path, place: Path) -> None:
    if order.recipe is None:
        adapt(str(base), order.texts, place)
        return
    start = LlamaForCausalLM.from_pretrained(base, dtype=torch.float32)
    _keep(train(start, rows, order.recipe), words, place)


def _keep(model: LlamaForCausalLM, words: Path, place: Path) -> None:
    PreTrainedTokenizerFast.from_pretrained(words).save_pretrained(place)
    model.save_pretrained(place)  # last: a folder with weights is whole


def _there(place: Path) -> bool:
    return (place / "model.safetensors").is_file()
