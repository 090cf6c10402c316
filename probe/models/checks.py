"""What a loaded model is found to be by trying it: causal, and with a head that can stand alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from probe.errors import ModelError


def sample(model: Any) -> Tensor:
    """Returns ids [1, 8] that any vocabulary has, on the model's device."""
    weight = model.get_input_embeddings().weight
    ids: Tensor = torch.arange(1, 9, device=weight.device).unsqueeze(0) % len(weight)
    return ids


@torch.inference_mode()
def check_causal(model: Any, name: str) -> None:
    """Raises ModelError for a model whose predictions look ahead, as an encoder's do, or are no numbers."""
    ids = sample(model).repeat(2, 1)
    ids[1, -1] = 0
    one, other = model(input_ids=ids, use_cache=False).logits[:, :-1].float()
    if not torch.isfinite(one).all():
        raise ModelError(f"{name} predicts no finite numbers: its weights are damaged, or too large for this dtype.")
    if not torch.allclose(one, other, rtol=1e-2, atol=1e-2):
        raise ModelError(f"{name} is not causal: its predictions depend on later tokens. Name a causal language model.")


@torch.inference_mode()
def plain_head(model: Any) -> Any:
    """Returns the output head; None for models that change its logits (Gemma, Cohere, Granite) or cast what it reads
    (Mamba).
    """
    head = model.get_output_embeddings()
    if head is None or model.base_model is model:
        return None
    ids = sample(model)
    whole = model(input_ids=ids, use_cache=False).logits
    hidden = model.base_model(input_ids=ids, use_cache=False).last_hidden_state
    weight = getattr(head, "weight", None)
    if isinstance(weight, Tensor) and weight.is_floating_point() and weight.dtype != hidden.dtype:
        return None
    parts = head(hidden)
    return head if whole.shape == parts.shape and torch.allclose(whole, parts, rtol=1e-3, atol=1e-3) else None
