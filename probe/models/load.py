"""From a hub id or a folder to a loaded causal language model: safetensors only, no remote code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from probe.errors import ModelError
from probe.models.content import content_hash, weight_files
from probe.models.tokens import Tokenizer

DTYPES = ("float32", "bfloat16", "float16", "auto")
_FILES = ("*.json", "*.safetensors", "*.model", "*.txt")
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
    from transformers import AutoConfig, AutoTokenizer

    if dtype is not None and dtype not in DTYPES:
        raise ModelError(f"dtype {dtype!r} is not one of {', '.join(DTYPES)}.")
    folder = _folder(source, revision)
    digest = content_hash(folder)
    with _explained(source):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False).get_text_config()
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    cuda = torch.cuda.is_available()
    chosen = dtype or ("auto" if cuda else "float32")
    return Source(
        folder=folder, name=folder.name if Path(source).is_dir() else source,
        tokenizer=Tokenizer(tokenizer, folder / "tokenizer.json"),
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
    with _explained(source.name):
        model = AutoModelForCausalLM.from_pretrained(
            source.folder, dtype=source.dtype, device_map=source.device_map, use_safetensors=True,
            trust_remote_code=False,
        )  # fmt: skip
    return model.eval()


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turns what transformers raises into one error that names the model."""
    try:
        yield
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, AttributeError) as error:
        raise ModelError(f"{name} cannot be loaded as a causal language model: {error}") from error


def _stored(config: Any) -> str:
    """Returns the dtype that the weights are stored in, as the configuration states it."""
    return str(config.dtype or "float32").removeprefix("torch.")


def _folder(source: str, revision: str | None) -> Path:
    if Path(source).is_dir():
        return Path(source)
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(source, revision=revision, allow_patterns=list(_FILES)))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{source} is neither a model folder nor a model that the hub could give now ({type(error).__name__}). "
            "Check the spelling, or download it where there is a network and name the folder."
        ) from error
