"""From a hub id or a folder to a loaded causal language model: safetensors only, no remote code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from probe.errors import ModelError
from probe.models.content import content_hash, weight_files
from probe.models.hub import explained, folder_of
from probe.models.tokens import Tokenizer, open_tokenizer

DTYPES = ("float32", "bfloat16", "float16", "auto")
_QUICK = 1 << 30  # bytes of weights that load before a progress bar could be read
_UNBOUNDED = 2048  # context used for models that state none


@dataclass(frozen=True, slots=True)
class Source:
    """What is known of a model before its weights are read: enough to look its statistics up in a cache."""

    folder: Path
    name: str
    tokenizer: Tokenizer
    context: int
    vocabulary: int
    hash: str
    dtype: str
    device_map: str | None = None
    revision: str | None = None


def find(
    source: str, *, dtype: str | None = None, device_map: str | None = None, revision: str | None = None
) -> Source:
    """Finds a hub id or folder. Raises ModelError, or UnsafeWeights for pickled weights."""
    from transformers import AutoConfig

    if dtype is not None and dtype not in DTYPES:
        raise ModelError(f"dtype {dtype!r} is not one of {', '.join(DTYPES)}.")
    folder = folder_of(source, revision)
    digest = content_hash(folder)
    with explained(source):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False).get_text_config()
    cuda = torch.cuda.is_available()
    chosen = dtype or ("auto" if cuda else "float32")
    return Source(
        folder=folder, name=folder.name if Path(source).is_dir() else source,
        tokenizer=open_tokenizer(source, revision),
        context=int(getattr(config, "max_position_embeddings", None) or _UNBOUNDED), vocabulary=int(config.vocab_size),
        hash=digest, dtype=_stored(config) if chosen == "auto" else chosen,
        device_map=device_map or ("auto" if cuda else None), revision=revision,
    )  # fmt: skip


def load(source: Source) -> Any:
    """Reads the weights; returns the transformers model in evaluation mode. Raises ModelError."""
    from transformers import AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    if sum(path.stat().st_size for path in weight_files(source.folder)) < _QUICK:
        disable_progress_bar()
    with explained(source.name):
        model = AutoModelForCausalLM.from_pretrained(
            source.folder, dtype=source.dtype, device_map=source.device_map, use_safetensors=True,
            trust_remote_code=False,
        )  # fmt: skip
    return model.eval()


def _stored(config: Any) -> str:
    """Returns the dtype that the weights are stored in, as the configuration states it."""
    return str(config.dtype or "float32").removeprefix("torch.")
