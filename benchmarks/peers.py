"""The peers' way, from its published description: one text per forward pass, whole-vocabulary softmax and log-softmax.

As mink-plus-plus does it (2404.02936, and MIMIR's reference and lowercase attacks): the loss comes from the model's own
`labels`, moments and token log-probabilities from its logits in the model's dtype. Ranks are not among what it gives,
so it is not charged for them.
"""

from __future__ import annotations

import zlib
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
        ids = torch.from_numpy(tokens.ids).long().unsqueeze(0).to(model.device)
        _, logits = loss(model, ids)
        targets = ids[0, 1:].unsqueeze(-1)
        probabilities = torch.softmax(logits[0, :-1], dim=-1)
        logp = torch.log_softmax(logits[0, :-1], dim=-1)
        own = logp.gather(dim=-1, index=targets).squeeze(-1)
        mu = (probabilities * logp).sum(-1)
        sigma = (probabilities * torch.square(logp)).sum(-1) - torch.square(mu)
        k = max(1, int(K * len(own)))
        for values in (own, (own - mu) / sigma.sqrt()):
            np.sort(values.float().cpu().numpy())[:k].mean()
        scored += len(own)
    return scored


def six_scores(target: Any, reference: Any, tokenizer: Any, texts: Sequence[str]) -> int:
    """Loss, zlib, lowercase, Min-K%, Min-K%++ and ref: three passes, the last by the reference; tokens scored."""
    scored = 0
    for text in texts:
        ids = tokenizer(text, return_tensors="pt").input_ids
        scored += one_pass(target, [_tokens(ids)])
        loss(target, tokenizer(text.lower(), return_tensors="pt").input_ids)
        loss(reference, ids)
        zlib.compress(text.encode())
    return scored


@torch.inference_mode()
def recall(model: Any, prefix: torch.Tensor, texts: Sequence[Tokens]) -> int:
    """ReCaLL's conditional loss (2406.15968): prefix and text in one row, the prefix's labels masked; tokens scored."""
    scored = 0
    for tokens in texts:
        ids = torch.cat([prefix, torch.from_numpy(tokens.ids).long()]).unsqueeze(0)
        labels = ids.clone()
        labels[0, : len(prefix)] = -100
        model(input_ids=ids, labels=labels).loss.item()
        scored += len(tokens.ids) - 1
    return scored


def _tokens(ids: torch.Tensor) -> Tokens:
    row = ids[0].numpy().astype(np.int32)
    span = np.zeros(len(row) - 1, dtype=np.int32)
    return Tokens(row, span, span, has_bos=False)
