"""Continuations from a local model: transformers' generate, with noise that belongs to the prompt.

argmax_v (z_v - log e_v), e_v ~ Exp(1), is a draw from softmax(z) (Gumbel-max). Each sample has a random stream of its
own, seeded by its prompt and its number, so what is drawn does not depend on what stands beside it. Prompts of equal
length share a batch: nothing is padded, so no model has to know of padding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor

from probe.models.base import OWN, Sampler
from probe.models.load import ALIEN, Source, alien
from probe.models.passes import spared
from probe.models.statistics import drawn_from
from probe.models.writing import Prompt
from probe.types import Unscored
from probe.wanted import still_wanted

_TOKENS = 16_384  # of all rows of a batch: their keys and values are kept, one token of each is computed at a time
Drawn = list[str] | Unscored


def go_on(model: Any, source: Source, prompts: Sequence[Prompt], samples: int, sampler: Sampler = OWN) -> list[Drawn]:
    """Returns `samples` continuations per prompt (0: the likeliest one, token by token), up to its size or the model's
    end of text.
    """
    found: list[Drawn] = [_refusal(prompt, source) or [] for prompt in prompts]
    order = [number for number, entry in enumerate(found) if not isinstance(entry, Unscored)]
    order.sort(key=lambda number: (len(prompts[number].ids), prompts[number].size))
    for length, group in groupby(order, key=lambda number: len(prompts[number].ids)):
        numbers = list(group)
        step = max(1, _TOKENS // (max(1, samples) * (length + prompts[numbers[-1]].size)))
        for begin in range(0, len(numbers), step):
            still_wanted()
            part = numbers[begin : begin + step]
            drawn = spared(
                [prompts[number] for number in part], lambda some: _draw(model, some, samples, sampler), _needed
            )
            for number, ids in zip(part, drawn, strict=True):
                found[number] = ids if isinstance(ids, Unscored) else source.tokenizer.decode(ids)
    return found


def _refusal(prompt: Prompt, source: Source) -> Unscored | None:
    if alien(prompt.ids, source.vocabulary):
        return ALIEN
    if (needed := _needed(prompt)) > source.context:
        return Unscored(
            f"to go on from its first half takes {needed:,} tokens of {source.context:,}: send passages of it"
        )
    return None


def _needed(prompt: Prompt) -> int:
    return len(prompt.ids) + prompt.size


@torch.inference_mode()
def _draw(model: Any, prompts: Sequence[Prompt], samples: int, sampler: Sampler) -> list[list[list[int]]]:
    """Returns the new ids of each sample of each prompt, all prompts of one length."""
    from transformers import LogitsProcessorList

    each = max(1, samples)
    ids = torch.from_numpy(np.repeat(np.stack([prompt.ids for prompt in prompts]), each, axis=0)).long()
    ids = ids.to(model.get_input_embeddings().weight.device)
    ends = _ends(model)
    noise = [Noise([prompt for prompt in prompts for _ in range(samples)], samples, sampler)] if samples else []
    steps = LogitsProcessorList([_wanted, *noise])
    with _no_penalties(model, ends):
        made: Tensor = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=max(prompt.size for prompt in prompts),
            do_sample=False, logits_processor=steps,
        )  # fmt: skip
    rows = iter(made[:, ids.shape[1] :].tolist())
    return [[_until(next(rows)[: prompt.size], ends) for _ in range(each)] for prompt in prompts]


@contextmanager
def _no_penalties(model: Any, ends: Sequence[int]) -> Iterator[None]:
    """Within the block the model knows its ends alone: what its own configuration says else would be taken along."""
    from transformers import GenerationConfig

    theirs = model.generation_config
    model.generation_config = GenerationConfig(eos_token_id=ends or None, pad_token_id=ends[0] if ends else 0)
    try:
        yield
    finally:
        model.generation_config = theirs


def _wanted(ids: Tensor, logits: Tensor) -> Tensor:
    """A large model writes for minutes: between two tokens it ends where nobody waits for them any more."""
    still_wanted()
    return logits


class Noise:
    """Turns logits [rows, vocabulary] into ones whose argmax is a draw, each row by its own random stream."""

    def __init__(self, prompts: Sequence[Prompt], samples: int, sampler: Sampler = OWN) -> None:
        """prompts: of each row, a prompt's samples one after the other."""
        self._sampler = sampler
        self._streams = [stream(prompt, row % samples) for row, prompt in enumerate(prompts)]

    def __call__(self, ids: Tensor, logits: Tensor) -> Tensor:
        size = logits.shape[1]
        waits = np.stack([own.standard_exponential(size, dtype=np.float32) for own in self._streams])
        return drawn_from(logits.float(), self._sampler) - torch.from_numpy(waits).log_().to(logits.device)


def stream(prompt: Prompt, sample: int) -> np.random.Generator:
    """Returns the random stream of a sample."""
    seed = int.from_bytes(sha256(np.ascontiguousarray(prompt.ids, dtype=np.int32).tobytes()).digest()[:8], "little")
    return np.random.default_rng((seed, sample))


def _ends(model: Any) -> list[int]:
    """Returns the ids that end a text, in this model's own words."""
    found = model.generation_config.eos_token_id
    return [] if found is None else [found] if isinstance(found, int) else list(found)


def _until(ids: list[int], ends: Sequence[int]) -> list[int]:
    return ids[: next((place for place, number in enumerate(ids) if number in ends), len(ids))]
