"""A base, targets fine-tuned on the members and siblings on others, each trained once and kept by what made it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from probe.demo.train import BOS, EOS, Recipe, encode, new_model, train, train_tokenizer

VOCABULARY, WIDTH, LAYERS, ROW = 4096, 128, 4, 240
BASE = Recipe(epochs=8, rate=3e-3, tokens=8192)
SWEEP = {
    "1 epoch": Recipe(epochs=1, rate=1e-3, tokens=2048),
    "2 epochs": Recipe(epochs=2, rate=1e-3, tokens=2048),
    "4 epochs": Recipe(epochs=4, rate=1e-3, tokens=2048),
}
Say = Callable[[str], None]


class Workshop:
    """A folder of trained models, named by the hash of recipe and texts."""

    def __init__(self, folder: Path, paragraphs: Sequence[str], say: Say, recipe: Recipe = BASE) -> None:
        """paragraphs: of the base. Trains tokenizer and base where they are not there yet."""
        self._folder, self._say = folder, say
        self.tokenizer = self._tokenizer(paragraphs)
        blank = new_model(self.tokenizer, width=WIDTH, layers=LAYERS, seed=0)
        self.parameters = sum(parameter.numel() for parameter in blank.parameters())
        self.base = self._made("base", blank, self._rows(paragraphs), recipe)

    def length(self, text: str) -> int:
        """Returns the tokens of a text, without BOS."""
        return len(self.tokenizer(text, verbose=False)["input_ids"]) - 1

    def tuned(self, name: str, texts: Sequence[str], recipe: Recipe) -> Path:
        """Returns the folder of the base fine-tuned on texts, a row each."""
        base = LlamaForCausalLM.from_pretrained(self.base, dtype=torch.float32)
        return self._made(name, base, encode(self.tokenizer, texts), recipe)

    def _made(self, name: str, start: LlamaForCausalLM, rows: list[list[int]], recipe: Recipe) -> Path:
        facts = json.dumps([asdict(recipe), rows, start.config.to_diff_dict(), _weights(start)], default=str)
        path = self._folder / f"{name.replace(' ', '-')}-{sha256(facts.encode()).hexdigest()[:12]}"
        if not (path / "model.safetensors").is_file():
            self._say(f"training {name}: {len(rows):,} rows, {sum(map(len, rows)):,} tokens, {recipe}")
            train(start, rows, recipe).save_pretrained(path)
            self.tokenizer.save_pretrained(path)
        return path

    def _rows(self, paragraphs: Sequence[str]) -> list[list[int]]:
        """Paragraphs one after the other, in rows of ROW tokens."""
        ids = [token for row in self.tokenizer(list(paragraphs), verbose=False)["input_ids"] for token in row[1:]]
        bos, eos = (self.tokenizer.convert_tokens_to_ids(token) for token in (BOS, EOS))
        return [[bos, *ids[begin : begin + ROW], eos] for begin in range(0, len(ids), ROW)]

    def _tokenizer(self, paragraphs: Sequence[str]) -> PreTrainedTokenizerFast:
        path = self._folder / f"tokenizer-{sha256(''.join(paragraphs).encode()).hexdigest()[:12]}"
        if not path.is_dir():
            train_tokenizer(paragraphs, VOCABULARY).save_pretrained(path)
        return PreTrainedTokenizerFast.from_pretrained(path)


def _weights(model: LlamaForCausalLM) -> float:
    """Returns a figure that no other base shares."""
    return float(sum(parameter.double().abs().sum() for parameter in model.parameters()))
