"""From a hub id or a folder to a loaded causal language model: safetensors only, no remote code."""

from __future__ import annotations

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
class Loaded:
    """A model in evaluation mode with what is known of it."""

    model: Any
    tokenizer: Tokenizer
    context: int
    hash: str
    name: str


def load(
    source: str, *, dtype: str | None = None, device_map: str | None = None, revision: str | None = None
) -> Loaded:
    """Loads `source` as transformers does. Raises ModelError, or UnsafeWeights for pickled weights."""
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    if dtype is not None and dtype not in DTYPES:
        raise ModelError(f"dtype {dtype!r} is not one of {', '.join(DTYPES)}.")
    folder = _folder(source, revision)
    weights = weight_files(folder)
    if sum(path.stat().st_size for path in weights) < _QUICK:
        disable_progress_bar()
    cuda = torch.cuda.is_available()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype or ("auto" if cuda else "float32"), device_map=device_map or ("auto" if cuda else None),
            use_safetensors=True, trust_remote_code=False,
        )  # fmt: skip
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise ModelError(f"{source} cannot be loaded as a causal language model: {error}") from error
    plain = Tokenizer(tokenizer, folder / "tokenizer.json")
    return Loaded(
        model.eval(), plain, _context(model.config), content_hash(folder), folder.name if folder.exists() else source
    )


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


def _context(config: Any) -> int:
    found = getattr(config.get_text_config(), "max_position_embeddings", None)
    return int(found) if found else _UNBOUNDED
