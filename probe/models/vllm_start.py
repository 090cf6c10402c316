"""Starts vLLM for a model: what it is told, and what it does not take."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from probe.errors import ModelError
from probe.models.load import Source
from probe.models.vllm_plugin import ACTIVE, register

_LEAST_HEAD = 32  # its CPU attention takes no smaller heads
_CPU = {
    "VLLM_CPU_KVCACHE_SPACE": "2",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",
}


def start(source: Source, route: str, context: int, options: Mapping[str, Any]) -> Any:
    """Returns a vllm.LLM on a route, pooling or prompt_logprobs. Raises ModelError."""
    if source.adapter:
        raise ModelError(
            f"{source.name} is an adapter, of which vLLM drops a part without a word: merge it into its base "
            "and name that folder, or use the local engine, which merges it."
        )
    config = _config(source)
    heads = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    for name, value in _CPU.items():
        os.environ.setdefault(name, value)
    os.environ[ACTIVE] = str(int(route == "pooling"))
    try:
        from vllm import LLM
        from vllm.platforms import current_platform
    except ImportError as error:
        raise ModelError("vLLM is not installed here: pip install memprobe[vllm].") from error
    if current_platform.is_cpu() and heads < _LEAST_HEAD:
        raise ModelError(f"vLLM on a CPU takes heads of {_LEAST_HEAD} or more, not {heads}: use the local engine.")
    register()  # vLLM asks its plugins once per process, and an earlier engine may have gone the other route
    ours: dict[str, Any] = {"runner": "pooling", "hf_overrides": {"head_dtype": "model"}} if route == "pooling" else {}
    ours |= {"max_model_len": context + 1, "enforce_eager": bool(current_platform.is_cpu())}
    try:
        return LLM(
            model=str(source.folder), dtype=source.dtype, load_format="safetensors",
            **ours, **options,
        )  # fmt: skip
    except (TypeError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"vLLM does not start {source.name} ({error}): mend MEMPROBE_VLLM_OPTIONS or use local."
        ) from error


def _config(source: Source) -> Any:
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(source.folder, trust_remote_code=False).get_text_config()
