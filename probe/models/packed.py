"""Texts of several lengths in one row, without padding: attention over a pack of texts, by groups of equal length.

transformers would build a dense [tokens, tokens] mask for a packed row, and a padded batch computes what nobody reads.
Here everything but attention sees one long row, and attention takes each group of equally long texts as a batch of its
own. Registered with transformers as an attention function, so the models' code stays theirs; whether a model allows it
(no sliding window, no position bias) is found out by comparing both ways when it is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import groupby
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention as attention

NAME = "memprobe_packed"
Groups = list[tuple[int, int]]  # texts, tokens of each
_groups: ContextVar[Groups | None] = ContextVar("groups", default=None)


def groups_of(lengths: Sequence[int]) -> Groups:
    """Returns (texts, tokens) for each run of equal lengths."""
    return [(len(list(run)), length) for length, run in groupby(lengths)]


def positions(lengths: Sequence[int]) -> Tensor:
    """Returns int64 [1, tokens]: each text's positions count from 0."""
    return torch.cat([torch.arange(length) for length in lengths]).unsqueeze(0)


@contextmanager
def packed(lengths: Sequence[int]) -> Iterator[None]:
    """Within the block the models' single row holds texts of these lengths."""
    token = _groups.set(groups_of(lengths))
    try:
        yield
    finally:
        _groups.reset(token)


def attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, scaling: float | None = None,
    **options: Any,
) -> tuple[Tensor, None]:  # fmt: skip
    """Causal attention; query [batch, heads, tokens, width] -> [batch, tokens, heads, width]."""
    groups, shared = _groups.get(), query.shape[1] != key.shape[1]
    if groups is None:
        found = attention(query, key, value, is_causal=True, scale=scaling, enable_gqa=shared)
        return found.transpose(1, 2).contiguous(), None
    output = query.new_empty(query.shape[2], query.shape[1], value.shape[3])
    begin = 0
    for texts, length in groups:
        end = begin + texts * length
        q, k, v = (_batch(part[0, :, begin:end], texts, length) for part in (query, key, value))
        found = attention(q, k, v, is_causal=True, scale=scaling, enable_gqa=shared)
        output[begin:end] = found.transpose(1, 2).reshape(end - begin, *output.shape[1:])
        begin = end
    return output.unsqueeze(0), None


def _batch(part: Tensor, texts: int, length: int) -> Tensor:
    """[heads, texts * length, width] -> [texts, heads, length, width]."""
    return part.reshape(len(part), texts, length, part.shape[2]).transpose(0, 1)


@torch.inference_mode()
def enable(model: Any) -> bool:
    """Switches a model to packed attention; leaves it as it was and returns False where its results would change."""
    from transformers import AttentionInterface

    config = model.config.get_text_config()
    if getattr(config, "sliding_window", None) or not hasattr(config, "_attn_implementation"):
        return False
    before = config._attn_implementation
    rows = [torch.arange(1, 1 + length, device=model.get_input_embeddings().weight.device) for length in (5, 5, 8)]
    apart = torch.cat([model.base_model(input_ids=row[None], use_cache=False).last_hidden_state[0] for row in rows])
    AttentionInterface.register(NAME, attend)
    try:
        model.set_attn_implementation(NAME)
        together = run(model, torch.cat(rows)[None], [len(row) for row in rows])
    except (ValueError, TypeError, RuntimeError, KeyError, AttributeError):  # a model with attention of its own kind
        together = torch.full_like(apart, torch.nan)
    if torch.allclose(apart, together, rtol=2e-2, atol=2e-2 * float(apart.abs().max())):
        return True
    model.set_attn_implementation(before)
    return False


def run(model: Any, ids: Tensor, lengths: Sequence[int]) -> Tensor:
    """Returns the hidden states [tokens, width] of texts of these lengths, one after the other in ids [1, tokens]."""
    with packed(lengths):
        places = positions(lengths).to(ids.device)
        hidden: Tensor = model.base_model(input_ids=ids, position_ids=places, use_cache=False).last_hidden_state[0]
        return hidden
