"""Runs inside vLLM's workers: token statistics as the output of a pooling model, so that no logits leave the worker.

A `vllm.general_plugins` entry point, idle unless ACTIVE is set. It re-registers every causal language model *under its
own name* (a renamed architecture breaks the loading of some) as a lazily built subclass whose pooler takes the hidden
states [tokens, width], makes logits in tiles or chunks and returns [tokens - 1, 4]: logprob, mu, sigma, rank of
the next token.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Set
from typing import Any

ACTIVE = "MEMPROBE_VLLM_STATISTICS"
COLUMNS = ("logprob", "mu", "sigma", "rank")
_ENDINGS = ("ForCausalLM", "LMHeadModel")

_originals: dict[str, Any] = {}


def register() -> None:
    """Entry point; where ACTIVE is not set it takes back what an earlier engine of this process registered."""
    from vllm import ModelRegistry, __version__

    if os.environ.get(ACTIVE) != "1":
        ModelRegistry.models.update(_originals)
        _originals.clear()
        return
    for name, model in list(ModelRegistry.models.items()):
        module = getattr(model, "module_name", "")
        if name.endswith(_ENDINGS) and module and module != __name__:
            _originals[name] = model
            # the version is in the name because vLLM caches what it learns of a class under it
            ModelRegistry.register_model(name, f"{__name__}:{__version__}|{module}|{model.class_name}")


def __getattr__(name: str) -> Any:
    """Builds the subclass for VERSION|MODULE|CLASS when vLLM asks for it."""
    if name.count("|") != 2:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _, module, original = name.split("|")
    return _statistics_class(getattr(importlib.import_module(module), original))


def _statistics_class(original: Any) -> Any:
    class Statistics(original):  # type: ignore[misc]
        """A causal language model whose pooler gives token statistics."""

        is_pooling_model = True

        def __init__(self, *, vllm_config: Any, prefix: str = "", **options: Any) -> None:
            super().__init__(vllm_config=vllm_config, prefix=prefix, **options)
            self.pooler = _pooler(self)

    Statistics.__name__ = Statistics.__qualname__ = original.__name__
    return Statistics


def _head(model: Any, hidden: Any) -> Any:
    """Returns what makes logits of hidden [tokens, width]: the plain layer, which reduce() streams, where it is one.

    None where this process has none: of several tensor-parallel ranks, one gathers them.
    """
    import torch

    wanted = model.compute_logits(hidden[:4])
    if wanted is None:
        return None
    weight = getattr(getattr(model, "lm_head", None), "weight", None)  # another dtype or layout where it is quantised
    if isinstance(weight, torch.Tensor) and weight.dtype == hidden.dtype and weight.shape[1:] == hidden.shape[1:]:
        plain = torch.nn.Linear(1, 1, bias=False, device="meta")
        plain.weight = torch.nn.Parameter(weight[: wanted.shape[1]], requires_grad=False)  # vLLM pads the vocabulary
        plain.out_features, plain.in_features = plain.weight.shape
        found = plain(hidden[:4])
        close = 1e-3 if hidden.dtype == torch.float32 else 1e-2
        if found.shape == wanted.shape and torch.allclose(found, wanted, rtol=close, atol=close):
            return plain
    return model.compute_logits


def _pooler(model: Any) -> Any:
    import torch
    from torch import Tensor
    from vllm.model_executor.layers.pooler.abstract import Pooler
    from vllm.model_executor.layers.pooler.common import PoolingParamsUpdate

    from probe.models.statistics import reduce

    heads: list[Any] = []

    class StatisticsPooler(Pooler):  # type: ignore[misc]
        """Keeps the pieces of a prompt that is prefilled in chunks until it is whole."""

        def get_supported_tasks(self) -> Set[str]:
            return {"token_classify"}

        def get_pooling_updates(self, task: str) -> PoolingParamsUpdate:
            return PoolingParamsUpdate(requires_token_ids=True)

        def forward(self, hidden_states: Tensor, pooling_metadata: Any) -> list[Tensor | None]:
            cursor = pooling_metadata.get_pooling_cursor()
            sizes = cursor.num_scheduled_tokens_cpu.tolist()
            rows = self._statistics(hidden_states, pooling_metadata, sizes, cursor.seq_lens_cpu.tolist())
            outputs: list[Tensor | None] = []
            states = zip(
                pooling_metadata.pooling_states, torch.split(rows, sizes), cursor.get_finished_mask(), strict=True
            )
            for state, piece, finished in states:
                state.hidden_states_cache.append(piece)
                outputs.append(torch.cat(state.hidden_states_cache)[:-1] if finished else None)
                if finished:
                    state.clean()
            return outputs

        def _statistics(self, hidden: Tensor, metadata: Any, sizes: list[int], ends: list[int]) -> Tensor:
            """Returns [tokens, 4]; the last row of a prompt has no next token and is dropped when it is whole."""
            targets = []
            for ids, size, end in zip(metadata.get_prompt_token_ids_cpu(), sizes, ends, strict=True):
                following = ids[end - size + 1 : end + 1]
                targets.append(torch.nn.functional.pad(following, (0, size - len(following))))
            wanted = torch.cat(targets).to(hidden.device)
            if not heads:  # the weights are read after the pooler is made
                heads.append(_head(model, hidden))
            if heads[0] is None:
                return hidden.new_zeros(len(hidden), len(COLUMNS), dtype=torch.float32)
            columns = reduce(heads[0], hidden, wanted)
            return torch.stack([getattr(columns, name).float() for name in COLUMNS], dim=1)

    return StatisticsPooler()
