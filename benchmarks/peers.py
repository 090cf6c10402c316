"""The peers' way, from its published description: one text per forward pass, the whole log-softmax, float32 moments."""

from __future__ import annotations

from typing import Any

import torch

from probe.types import Tokens


@torch.inference_mode()
def one_pass(model: Any, texts: list[Tokens]) -> int:
    """Loss, zlib's numerator, Min-K% and Min-K%++ of every text; returns the tokens scored."""
    scored = 0
    for tokens in texts:
        ids = torch.from_numpy(tokens.ids).long().unsqueeze(0)
        logits = model(input_ids=ids).logits[0, :-1]
        targets = ids[0, 1:].unsqueeze(-1)
        probabilities = torch.nn.functional.softmax(logits.float(), dim=-1)
        logp = torch.nn.functional.log_softmax(logits.float(), dim=-1)
        own = logp.gather(-1, targets).squeeze(-1)
        mu = (probabilities * logp).sum(-1)
        sigma = (probabilities * logp.square()).sum(-1) - mu.square()
        k = max(1, int(0.2 * len(own)))
        own.mean().item()
        own.sort().values[:k].mean().item()
        ((own - mu) / sigma.sqrt()).sort().values[:k].mean().item()
        scored += len(own)
    return scored
