"""Full-vocabulary statistics of the next token, from chunks of the head's output.

Per row of logits z, with p = softmax(z) and u = z - max z:
    logprob = u_x - log S0,  mu = E[log p] = S1 - log S0,  sigma = sqrt(E[u^2] - E[u]^2),
    S0 = sum e^u,  S1 = sum e^u u / S0,  rank = #{v : z_v > z_x}
Moments are under p itself (Min-K%++, 2404.02936). Taking the variance over u, not over log p, has ten times less
error. Everything is reduced in float32 whatever the weights' dtype, and no [batch, tokens, vocabulary]
log-softmax is ever made: the matmul wants many rows, the reduction few, so that they stay in cache.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from probe.models.base import NO_EXTRAS, Extras, Sampler
from probe.models.cuda import HALVES, Blocks, blocks_of
from probe.models.onednn import fastest
from probe.models.streaming import LEAST, finished, linear, stream, streams

TOP = 5
MATMUL_ROWS = 512
_COLDEST = 1e-38  # float32 has no colder: what is likeliest has it all, as it has in the limit
_CACHED_FLOATS = 2**18  # 1 MiB: what the reduction may hold at once on a CPU


@dataclass(frozen=True, slots=True)
class Columns:
    """One row per scored token; see TokenStats. float32 but rank, which is int32."""

    logprob: Tensor
    mu: Tensor
    sigma: Tensor
    rank: Tensor
    top: Tensor | None = None
    sampled: Tensor | None = None


def reduce(head: Callable[[Tensor], Tensor], hidden: Tensor, targets: Tensor, extras: Extras = NO_EXTRAS) -> Columns:
    """Returns the columns for hidden [rows, width] (or logits, with an identity head) and target ids [rows]."""
    if streams(head, hidden, extras):
        return Columns(*stream(head.weight, head.bias, hidden, targets))
    if not extras.sampler and (blocks := blocks_of(hidden.device)):
        return reduce_by_blocks(blocks, head, hidden, targets.long(), extras.top)
    parts = []
    for begin in range(0, len(hidden), MATMUL_ROWS):
        wanted, block = targets[begin : begin + MATMUL_ROWS], hidden[begin : begin + MATMUL_ROWS]
        logits = fastest(block, head.weight, head.bias) if linear(head) else head(block)
        rows = max(1, _CACHED_FLOATS // logits.shape[1]) if logits.device.type == "cpu" else MATMUL_ROWS
        for row in range(0, len(logits), rows):
            parts.append(_rows(logits[row : row + rows].float(), wanted[row : row + rows], extras))
    return _concatenate(parts)


def reduce_by_blocks(
    blocks: Blocks, head: Callable[[Tensor], Tensor], hidden: Tensor, targets: Tensor, top: bool = False
) -> Columns:
    """Returns the same columns by the kernels of a CUDA device. top: with the largest."""
    kind = (hidden.dtype, hidden.device)
    if linear(head) and (head.weight.dtype, head.weight.device) == kind and hidden.dtype in HALVES and not top:
        weight, bias = head.weight.contiguous(), None if head.bias is None else head.bias.contiguous()
        return Columns(*finished(*blocks.head(weight, bias, hidden.contiguous(), targets)))
    parts = []
    for begin in range(0, len(hidden), MATMUL_ROWS):
        logits = head(hidden[begin : begin + MATMUL_ROWS]).contiguous()
        parts.append(Columns(*blocks.of_logits(logits, targets[begin : begin + MATMUL_ROWS], TOP if top else 0)))
    return _concatenate(parts)


def _rows(logits: Tensor, targets: Tensor, extras: Extras) -> Columns:
    index = targets.long().unsqueeze(1)
    own = logits.gather(1, index)
    rank = torch.gt(logits, own, out=torch.empty_like(logits)).sum(1).int()  # floats are summed faster than booleans
    shifted = logits - logits.amax(1, keepdim=True)
    own = shifted.gather(1, index).squeeze(1)
    top = shifted.topk(min(TOP, shifted.shape[1]), dim=1).values if extras.top else None
    sampled = _sampled(shifted, index, extras)
    weight = shifted.clamp_min_(LEAST).exp()
    total = weight.sum(1)
    log_total = total.log()
    first = torch.linalg.vecdot(weight, shifted) / total
    second = torch.linalg.vecdot(weight.mul_(shifted), shifted) / total
    sigma = (second - first.square()).clamp_min(0).sqrt()
    top = top - log_total.unsqueeze(1) if top is not None else None
    return Columns(own - log_total, first - log_total, sigma, rank, top, sampled)


def _sampled(shifted: Tensor, index: Tensor, extras: Extras) -> Tensor | None:
    """Log-probability under the sampler; -inf where it cannot give the token."""
    if not extras.sampler:
        return None
    logits = drawn_from(shifted, extras.sampler)
    return logits.gather(1, index).squeeze(1) - logits.logsumexp(1)


def drawn_from(logits: Tensor, sampler: Sampler) -> Tensor:
    """Returns the logits of a sampler's distribution, [rows, vocabulary]: -inf for what it cannot give. All that are as
    likely as the last of the k are kept.
    """
    if sampler.top_k is not None:
        least = logits.topk(min(sampler.top_k, logits.shape[1]), dim=1).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    if sampler.temperature is None:
        return logits
    temperature = min(max(sampler.temperature, _COLDEST), 1 / _COLDEST)
    return (logits - logits.amax(1, keepdim=True)) / temperature


def _concatenate(parts: list[Columns]) -> Columns:
    def join(name: str) -> Tensor | None:
        columns = [getattr(part, name) for part in parts]
        return None if columns[0] is None else torch.cat(columns)

    logprob, mu, sigma, rank = (join(name) for name in ("logprob", "mu", "sigma", "rank"))
    assert logprob is not None and mu is not None and sigma is not None and rank is not None
    return Columns(logprob, mu, sigma, rank, join("top"), join("sampled"))
