"""The peers' way, from its published description: one text per forward pass, whole-vocabulary softmax and log-softmax.

As mink-plus-plus does it (2404.02936, and MIMIR's reference and lowercase attacks): the loss comes from the model's own
`labels`, moments and token log-probabilities from its logits in the model's dtype. Ranks are not among what it gives,
so it is not charged for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from probe.types import Tokens

K = 0.2


@torch.inference_mode()
def loss(model: Any, ids: torch.Tensor) -> tuple[float, torch.Tensor]:
    """Returns the text's mean loss and its logits."""
    found = model(input_ids=ids, labels=ids)
    return found.loss.item(), found.logits


@torch.inference_mode()
def one_pass(model: Any, texts: Sequence[Tokens]) -> int:
    """Loss, zlib's numerator, Min-K% and Min-K%++ of every text; returns the tokens scored."""
    scored = 0
    for tokens in texts:
        ids = torch.from_numpy(tokens.ids).long().unsqueeze(0)
        _, logits = loss(model, ids)
        targets = ids[0, 1:].unsqueeze(-1)
        probabilities = torch.softmax(logits[0, :-1], dim=-1)
        logp = torch.log_softmax(logits[0, :-1], dim=-1)
        own = logp.gather(dim=-1, index=targets).squeeze(-1)
        mu = (probabilities * logp).sum(-1)
        sigma = (probabilities * torch.square(logp)).sum(-1) - torch.square(mu)
        k = max(1, int(K * len(own)))
        for values in (own, (own - mu) / sigma.sqrt()):
            np.sort(values.float().numpy())[:k].mean()
        scored += len(own)
    return scored
