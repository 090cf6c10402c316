"""A prefix shared by many texts: its keys and values, computed once, and the merge of two attentions.

Softmax attention over two sets of keys is the mean of both attentions, weighed by their sums of exponentials; with the
logarithms of these sums a and b the second one's weight is sigmoid(b - a). So no key of the prefix is ever copied.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

Layer = tuple[Tensor, Tensor]  # keys and values [1, heads, tokens, width], positions applied


@dataclass(frozen=True, slots=True)
class Prefix:
    """What attention needs of a prefix, per layer."""

    tokens: int
    layers: dict[int, Layer]


def merge(own: Tensor, weight: Tensor, before: Tensor, total: Tensor) -> Tensor:
    """Returns attention [tokens, heads, width] to both; weight, total: log-sums [tokens, heads], float32, of either."""
    share = torch.sigmoid(total - weight).unsqueeze(2)
    return torch.lerp(own.float(), before.float(), share).to(own.dtype)


def weighed(query: Tensor, key: Tensor, value: Tensor, *, causal: bool, scale: float | None) -> tuple[Tensor, Tensor]:
    """Returns attention [batch, heads, tokens, width] and its log-sums of exponentials [batch, heads, tokens]."""
    copies = query.shape[1] // key.shape[1]
    if copies > 1:
        key, value = key.repeat_interleave(copies, 1), value.repeat_interleave(copies, 1)
    if query.device.type == "cpu":
        found = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(query, key, value, 0.0, causal, scale=scale)
        return found[0], found[1]
    logits = query.float() @ key.float().transpose(2, 3) * (query.shape[3] ** -0.5 if scale is None else scale)
    if causal:
        logits += torch.full_like(logits, -torch.inf).triu(1)
    return (logits.softmax(3) @ value.float()).to(query.dtype), logits.logsumexp(3)
