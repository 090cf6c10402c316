"""Whether a model's texts may share a row without padding (packed.py), and its passes over such rows.

The models' code stays theirs (attending.py). Sliding windows and long RoPE are refused by their configuration; whether
a model allows it otherwise is found out by comparing both ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from probe.models.attending import attends
from probe.models.packed import Groups, Pack, packed
from probe.models.prefix import Prefix

_CHOOSING = ("keep_window_size", "index_topk")  # as configurations call how many keys are chosen
_REFUSALS = (ValueError, TypeError, RuntimeError, KeyError, AttributeError)  # of a model with attention of its own kind


def groups_of(lengths: Sequence[int]) -> Groups:
    """Returns (texts, tokens) for each run of equal lengths."""
    return [(len(list(run)), length) for length, run in groupby(lengths)]


def positions(lengths: Sequence[int], begin: int = 0) -> Tensor:
    """Returns int64 [1, tokens]: each text's positions count from `begin`."""
    return torch.cat([torch.arange(begin, begin + length, device="cpu") for length in lengths]).unsqueeze(0)


def batch_decides(config: Any) -> bool:
    """True where a text's figures depend on the longest text beside it: positions are scaled by it (long RoPE: Phi-3
    and its kin), or the keys that count are chosen among all that stand in a row (Doge, DeepSeek-V3.2).
    """
    scaled = "longrope" in str([getattr(config, name, None) for name in ("rope_parameters", "rope_scaling")])
    return scaled or any(getattr(config, name, None) is not None for name in _CHOOSING)


@torch.inference_mode()
def may_pack(model: Any) -> bool:
    """True where a model gives the same with its texts in a row as with each alone."""
    config = model.config.get_text_config()
    if getattr(config, "sliding_window", None) or batch_decides(config) or not attends(config):
        return False
    if set(getattr(config, "layer_types", None) or ()) - {"full_attention"}:
        return False  # sparse or chunked attention acts on texts longer than those that are tried below
    rows = _samples(model, (5, 5, 8))
    apart = torch.cat([_alone(model, row) for row in rows])
    try:
        return _same(apart, run(model, torch.cat(rows)[None], [len(row) for row in rows]))
    except _REFUSALS:
        return False


@torch.inference_mode()
def shares(model: Any) -> bool:
    """True where a model with packed attention gives the same with a prefix kept as with one repeated."""
    first, *rows = _samples(model, (6, 3, 3, 5))
    apart = torch.cat([_alone(model, torch.cat([first, row]))[len(first) :] for row in rows])
    try:
        together = run(model, torch.cat(rows)[None], [len(row) for row in rows], keep(model, first[None]))
    except _REFUSALS:
        return False
    return _same(apart, together)


def keep(model: Any, ids: Tensor) -> Prefix:
    """Runs a prefix, ids [1, tokens], and returns its keys and values."""
    prefix = Prefix(ids.shape[1], {})
    with packed(Pack([(1, ids.shape[1])], records=prefix)):
        model.base_model(input_ids=ids, position_ids=positions([ids.shape[1]]).to(ids.device), use_cache=False)
    return prefix


def run(model: Any, ids: Tensor, lengths: Sequence[int], prefix: Prefix | None = None) -> Tensor:
    """Returns the hidden states [tokens, width] of texts of these lengths, one after the other in ids [1, tokens]."""
    pack = Pack(groups_of(lengths), prefix)
    with packed(pack):
        places = positions(lengths, prefix.tokens if prefix else 0).to(ids.device)
        hidden: Tensor = model.base_model(input_ids=ids, position_ids=places, use_cache=False).last_hidden_state[0]
    if not pack.used:
        raise RuntimeError("the model's attention is its own")
    return hidden


def _samples(model: Any, lengths: Sequence[int]) -> list[Tensor]:
    weight = model.get_input_embeddings().weight
    numbers = [torch.arange(n, n * n + n, n, device=weight.device)[:n] for n in lengths]
    return [row % len(weight) for row in numbers]


def _alone(model: Any, ids: Tensor) -> Tensor:
    hidden: Tensor = model.base_model(input_ids=ids[None], use_cache=False).last_hidden_state[0]
    return hidden


def _same(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=2e-2, atol=2e-2 * float(one.abs().max()))
