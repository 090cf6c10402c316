"""Models of known shapes with random weights, and texts: token ids of lengths 32 to 256, mean about 70."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from probe.models.base import NO_EXTRAS, Extras
from probe.models.load import Source
from probe.types import Tokens, TokenStats

SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2-124m": ("gpt2", {}),
    "pythia-70m": (
        "gpt_neox",
        {
            "vocab_size": 50304, "hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 6,
            "num_attention_heads": 8, "max_position_embeddings": 2048,
        },
    ),
    "pythia-14m": (
        "gpt_neox",
        {
            "vocab_size": 50304, "hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 6,
            "num_attention_heads": 4, "max_position_embeddings": 2048,
        },
    ),
    "llama-3m": (
        "llama",
        {
            "vocab_size": 4096, "hidden_size": 192, "intermediate_size": 512, "num_hidden_layers": 6,
            "num_attention_heads": 6, "num_key_value_heads": 6, "max_position_embeddings": 1024,
            "tie_word_embeddings": True,
        },
    ),
    "llama-1b": (
        "llama",
        {
            "vocab_size": 128256, "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
            "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 4096,
            "tie_word_embeddings": True,
        },
    ),
}  # fmt: skip


class _Tokenizer:
    """Stands for a tokenizer where texts are token ids already."""

    hash, vocabulary, warnings = "sha256:random", {}, ()


def build(shape: str, dtype: torch.dtype) -> tuple[Source, Any]:
    """Returns a source without files and its model."""
    from transformers import AutoConfig, AutoModelForCausalLM

    kind, options = SHAPES[shape]
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **options), dtype=dtype).eval()
    context = model.config.max_position_embeddings
    name = str(dtype).removeprefix("torch.")
    source = Source(Path(), shape, _Tokenizer(), context, model.config.vocab_size, "sha256:random", name)
    return source, model


def texts(count: int, vocabulary: int, seed: int = 0, length: int | None = None) -> list[Tokens]:
    rng = np.random.default_rng(seed)
    lengths = np.clip(rng.lognormal(4.05, 0.55, count).astype(int), 32, 256) if length is None else [length] * count
    span = np.arange(max(lengths), dtype=np.int32)
    return [
        Tokens(rng.integers(3, vocabulary, n + 1, dtype=np.int32), span[:n], span[:n] + 1, has_bos=False)
        for n in lengths
    ]


def scored_tokens(engine: Any, sample: list[Tokens], extras: Extras = NO_EXTRAS) -> int:
    """Scores a sample and returns its scored tokens. Raises RuntimeError: a refusal is no work done."""
    found = engine.score(sample, extras)
    if refused := [entry.reason for entry in found if not isinstance(entry, TokenStats)]:
        raise RuntimeError(f"{len(refused)} texts were not scored: {refused[0]}")
    return sum(len(entry.logprob) for entry in found)
