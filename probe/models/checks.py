"""What a loaded model is found to be by trying it: causal, and with a head that can stand alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from probe.errors import ModelError


def sample(model: Any) -> Tensor:
    """Returns ids [1, 8] that any vocabulary has, on the model's device; none that models pad or end with, where there
    are others, for what stands there may count for nothing.
    """
    weight, config = model.get_input_embeddings().weight, model.config.get_text_config()
    named = [getattr(config, name, None) for name in ("pad_token_id", "pad_index", "bos_token_id", "eos_token_id")]
    special = {one for entry in named for one in (entry if isinstance(entry, list) else [entry])}
    ids = [one for one in range(1, 64) if one not in special][:8]
    return torch.tensor([ids], device=weight.device) % len(weight)


def wave(rows: int, width: int, most: float = 9.0, device: torch.device | str = "cpu") -> Tensor:
    """Returns float32 [rows, width] between -1 and 1, for trials; the default dtype is the process's, and transformers
    sets another while it loads a model in another thread.
    """
    return torch.linspace(-most, most, rows * width, dtype=torch.float32, device=device).sin().view(rows, width)


def untouched(module: Any) -> bool:
    """True where calling a module is what its class says: nobody hooked it, nor gave it a `forward` of its own."""
    everywhere = torch.nn.modules.module._global_forward_hooks or torch.nn.modules.module._global_forward_pre_hooks
    hooks = module._forward_hooks or module._forward_pre_hooks or hasattr(module, "_hf_hook")
    return not everywhere and not hooks and "forward" not in vars(module)


@torch.inference_mode()
def check_causal(model: Any, name: str) -> None:
    """Raises ModelError for a model whose predictions look ahead, as an encoder's do, or are no numbers."""
    ids = sample(model).repeat(2, 1)
    ids[1, -2:] = ids[0, :2]
    one, other = model(input_ids=ids, use_cache=False).logits[:, :-2].float()
    if not torch.isfinite(one).all():
        raise ModelError(f"{name} predicts no finite numbers: its weights are damaged, or too large for this dtype.")
    if not torch.allclose(one, other, rtol=1e-2, atol=1e-2):
        raise ModelError(f"{name} is not causal: its predictions depend on later tokens. Name a causal language model.")


@torch.inference_mode()
def may_pad(model: Any) -> bool:
    """True where a text's figures are the same with padding behind it. Causal attention does not look there, but there
    are models that count what stands in a row.
    """
    ids = sample(model)
    rows = ids, torch.cat([ids, torch.zeros_like(ids)], 1)
    try:
        alone, padded = (model(input_ids=row, use_cache=False).logits[0, : ids.shape[1]].float() for row in rows)
    except (IndexError, RuntimeError, ValueError):  # it has no place for as many
        return False
    least = 1e-4 if model.dtype == torch.float32 else 1e-2
    return bool((alone - padded).abs().max() <= least * alone.abs().max())  # False for what is no number, too


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
