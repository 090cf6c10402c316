"""Texts of several lengths in one row, without padding: attention over a pack of texts, by groups of equal length.

transformers would build a dense [tokens, tokens] mask for a packed row, and a padded batch computes what nobody reads.
Here everything but attention sees one long row, and attention takes each group of equally long texts as a batch of its
own. A prefix that stands before every text runs once: its keys and values are kept, all queries of a pack attend to
them together, and prefix.py merges that with the attention of each text to itself. packable.py gives it to models.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention as attention

from probe.models.attention import Attention, Job, attention_for
from probe.models.prefix import Layer, Prefix, merge, weighed
from probe.models.scoring import is_scoring, scoring

_RUN = 512  # queries that look at a prefix together: its keys are laid out anew for each run
Groups = list[tuple[int, int]]  # texts, tokens of each


@dataclass(slots=True)
class Pack:
    """What attention must know of the row it sees."""

    groups: Groups
    prefix: Prefix | None = None
    records: Prefix | None = None  # takes the keys and values of this row
    used: bool = False  # whether the model asked for it: some have an attention of their own

    def jobs(self) -> list[Job]:
        """Returns what each text's queries see: its own keys up to themselves."""
        lengths = [length for texts, length in self.groups for _ in range(texts)]
        begins = accumulate(lengths[:-1], initial=0)
        return [(begin, length, begin, length, 1) for begin, length in zip(begins, lengths, strict=True)]


_pack: ContextVar[Pack | None] = ContextVar("pack", default=None)


def packing() -> bool:
    """True while a pack is scored."""
    return is_scoring() and _pack.get() is not None


@contextmanager
def packed(pack: Pack) -> Iterator[None]:
    """Within the block the models' single row is this pack, and scored."""
    token = _pack.set(pack)
    try:
        with scoring():
            yield
    finally:
        _pack.reset(token)


def attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, scaling: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:  # fmt: skip
    """Causal attention of a pack; query [1, heads, tokens, width] -> [1, tokens, heads, width]. Raises RuntimeError for
    a model that masks it.
    """
    pack = _pack.get()
    assert pack is not None
    if attention_mask is not None:
        raise RuntimeError("the model masks its attention in a way of its own")
    pack.used = True
    if pack.records is not None:
        pack.records.layers[module.layer_idx] = (key, value)
    before = pack.prefix.layers[module.layer_idx] if pack.prefix else None
    if kernel := attention_for(query, key, value):
        return _at_once(kernel, query[0], key[0], value[0], pack, before, scaling).unsqueeze(0), None
    return _by_groups(query, key, value, pack, before, scaling).unsqueeze(0), None


def _at_once(
    kernel: Attention, query: Tensor, key: Tensor, value: Tensor, pack: Pack, before: Layer | None, scale: float | None
) -> Tensor:
    """All texts in one call; query [heads, tokens, width] -> [tokens, heads, width]."""
    own, weight = kernel.attend(query, key, value, pack.jobs(), scale, before is not None)
    if before is None or weight is None:
        return own
    keys, values = before[0][0], before[1][0]
    runs = range(0, query.shape[1], _RUN)
    jobs = [(first, min(_RUN, query.shape[1] - first), 0, keys.shape[1], 0) for first in runs]
    other, total = kernel.attend(query, keys, values, jobs, scale, True)
    assert total is not None
    return merge(own, weight, other, total)


def _by_groups(
    query: Tensor, key: Tensor, value: Tensor, pack: Pack, before: Layer | None, scale: float | None
) -> Tensor:
    """Texts of one length in one call; query [1, heads, tokens, width] -> [tokens, heads, width]."""
    shared = query.shape[1] != key.shape[1]
    output = query.new_empty(query.shape[2], query.shape[1], value.shape[3])
    weight = query.new_empty(query.shape[2], query.shape[1], dtype=torch.float32) if before else None
    begin = 0
    for texts, length in pack.groups:
        end = begin + texts * length
        q, k, v = (_batch(part[0, :, begin:end], texts, length) for part in (query, key, value))
        if weight is None:
            found = attention(q, k, v, is_causal=True, scale=scale, enable_gqa=shared)
        else:
            found, total = weighed(q, k, v, causal=True, scale=scale)
            weight[begin:end] = total.transpose(1, 2).reshape(end - begin, -1)
        output[begin:end] = found.transpose(1, 2).reshape(end - begin, *output.shape[1:])
        begin = end
    if before is None or weight is None:
        return output
    other, total = weighed(query, *before, causal=False, scale=scale)
    return merge(output, weight, other[0].transpose(0, 1), total[0].T)


def _batch(part: Tensor, texts: int, length: int) -> Tensor:
    """[heads, texts * length, width] -> [texts, heads, length, width]."""
    return part.reshape(len(part), texts, length, part.shape[2]).transpose(0, 1)
