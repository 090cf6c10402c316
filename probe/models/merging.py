"""An adapter merged into its base.

A merged model is a plain one: every engine feature (packing, the fast head) holds for it, and it costs no more per
token. What merging cannot express (prompts, prefixes, quantised bases) is refused; so is an adapter that would apply
in part only, and after merging the predictions are compared with those of the adapter beside its base.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from probe.errors import ModelError
from probe.models.adapters import EMBEDDINGS, HEADS, Adapter, explained, tensors, whole
from probe.models.checks import sample
from probe.models.content import ADAPTER_WEIGHTS

_TOKENS = "trainable_tokens"  # of an adapter that trains single rows of the embedding
_TOLERANCE = {torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 1e-1}  # of the largest logit


@dataclass(frozen=True, slots=True)
class _Ends:
    """A head that shares its weights with the embedding, and the last part of either's name."""

    head: Any
    names: frozenset[str]


def merge(model: Any, adapter: Adapter, name: str) -> Any:
    """Returns the base model with the adapter in its weights, in the model's dtype. Raises ModelError."""
    from peft import PeftConfig, get_peft_model

    with explained(name):
        config = PeftConfig.from_pretrained(str(adapter.folder))
        if config.peft_type == "XLORA" or getattr(config, "megatron_config", None):
            raise ModelError(f"{name} asks for modules or adapters that lie elsewhere, which are not loaded: merge it.")
        if config.is_prompt_learning:
            raise ModelError(f"{name} is a {config.peft_type} adapter, which no weights can express: score its base.")
        config.inference_mode = True
        keys = set(tensors(adapter.folder / ADAPTER_WEIGHTS))
        shares = bool(getattr(config, "ensure_weight_tying", False))
        _resize(model, adapter.vocabulary, keys, shares, name)
        ids, dtype, ends = sample(model), model.dtype, _tied_ends(model)
        adapted = get_peft_model(model, config)
        found = adapted.load_adapter(str(adapter.folder), "default", torch_device="cpu")
        if lost := [*found.missing_keys, *(key for key in found.unexpected_keys if not _spare(key, keys))]:
            raise ModelError(f"{name} does not fit its base: {len(lost)} tensors have no counterpart, {lost[0]} first.")
        expected = _predict(adapted.eval(), ids)
        if ends and not shares and _changes_one(ends, keys):
            _untie(model, ends)
        merged = adapted.merge_and_unload().eval()
        gap, scale = (_predict(merged, ids) - expected).abs().max().item(), expected.abs().max().item()
    if not gap <= _TOLERANCE[dtype] * (1 + scale):
        raise ModelError(
            f"{name} predicts otherwise once merged (logits differ by {gap:.2g}): merge it where it was trained, with "
            "merge_and_unload and save_pretrained, and name the result."
        )
    return merged


def _resize(model: Any, rows: int | None, keys: set[str], shares: bool, name: str) -> None:
    """Makes room for a changed vocabulary. Rows that no file brings would be random, and all probabilities too."""
    if rows is None or rows == model.get_input_embeddings().weight.shape[0]:
        return
    table, head = (any(whole(key, modules) for key in keys) for modules in (EMBEDDINGS, HEADS))
    if not (table and head) and not (shares and model.config.get_text_config().tie_word_embeddings):
        raise ModelError(
            f"{name} changes the vocabulary to {rows:,} but brings only one of embedding and output head: save it with "
            "both in modules_to_save, or merge it where it was trained and name the result."
        )
    model.resize_token_embeddings(rows, mean_resizing=False)


def _tied_ends(model: Any) -> _Ends | None:
    """Returns output head and embedding where they share their weights."""
    head, table = model.get_output_embeddings(), model.get_input_embeddings()
    if head is None or head.weight is not table.weight:
        return None
    names = {name.split(".")[-1] for name, module in model.named_modules() if module is head or module is table}
    return _Ends(head, frozenset(names))


def _changes_one(ends: _Ends, keys: set[str]) -> bool:
    """True where the adapter changes one of head and embedding; single tokens that it trains, peft changes in both."""
    return any(ends.names & set(key.split(".")) and _TOKENS not in key for key in keys)


def _untie(model: Any, ends: _Ends) -> None:
    """Gives the output head weights of its own, because merged into shared ones a change of one would be of both."""
    ends.head.weight = torch.nn.Parameter(ends.head.weight.detach().clone(), requires_grad=False)
    model.config.get_text_config().tie_word_embeddings = model.config.tie_word_embeddings = False


@torch.inference_mode()
def _predict(model: Any, ids: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(model(input_ids=ids, use_cache=False).logits).float()


def _spare(key: str, keys: set[str]) -> bool:
    """True for the further copies that peft writes of embeddings that were resized and trained whole."""
    plain = key.replace(".modules_to_save.", ".").replace(".original_module.", ".")
    return plain != key and plain in keys
