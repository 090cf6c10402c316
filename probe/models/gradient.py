"""How a text's tokens pull at the output head: inner products of their gradients, without automatic differentiation.

The gradient of -sum log p(x_t) by the head's weight is sum_t a_t h_t^T, a_t = p_t - e_{x_t}, h_t what the head reads.
Its squared Frobenius norm is the sum over t of
    c_t = sum_s (a_s . a_t) (h_s . h_t), s over the scored tokens of the same window.
The products of the a are added up over tiles of the vocabulary, so that no [tokens, vocabulary] tensor is kept; two
passes of the head, for the normalisers and for the products, all in float32. The own entry p_x - 1 of a_t is minus the
sum of the others, for the difference would lose the digits of a token that is nearly certain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from probe.models.onednn import fastest, filled

_TILE_FLOATS = 2**22  # logits at once, 16 MiB


def gradient(head: torch.nn.Linear, hidden: Tensor, targets: Tensor, rows: Sequence[int]) -> Tensor:
    """Returns c, float32 [tokens], of windows of `rows` tokens each; hidden [tokens, width], target ids [tokens]."""
    hidden, targets = hidden.float(), targets.long()
    own = hidden.new_empty(len(hidden))
    others = torch.full_like(own, -torch.inf)  # logarithm of the sum of all but the own exponential
    for tile, place in _tiles(head, hidden, targets):
        own[place[0]] = tile[place]
        tile[place] = -torch.inf
        others = torch.logaddexp(others, tile.logsumexp(1))
    total = torch.logaddexp(others, own)
    products = [hidden.new_zeros(count, count) for count in rows]
    for tile, place in _tiles(head, hidden, targets):
        pull = (tile - total.unsqueeze(1)).exp_()
        pull[place] = -torch.exp(others - total)[place[0]]
        for product, part in zip(products, pull.split(list(rows)), strict=True):
            product.addmm_(part, part.T)
    pairs = zip(products, hidden.split(list(rows)), strict=True)
    return torch.cat([(product * (part @ part.T)).sum(1) for product, part in pairs])


def _tiles(head: torch.nn.Linear, hidden: Tensor, targets: Tensor) -> Iterator[tuple[Tensor, tuple[Tensor, Tensor]]]:
    """Yields logits [tokens, ids] of each tile of the vocabulary, and the rows and columns of the targets in it."""
    wide = filled(hidden)
    columns = 1 << (max(1, _TILE_FLOATS // len(wide)).bit_length() - 1)  # few numbers of them, too (onednn.py)
    for begin in range(0, len(head.weight), columns):
        tile = fastest(wide, head.weight[begin : begin + columns].float())[: len(hidden)]
        if head.bias is not None:
            tile += head.bias[begin : begin + columns].float()
        inside = ((targets >= begin) & (targets < begin + tile.shape[1])).nonzero().squeeze(1)
        yield tile, (inside, targets[inside] - begin)
