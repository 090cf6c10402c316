"""From a hub id or a folder to a folder, and one clear error where that fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from probe.errors import MemprobeError, ModelError
from probe.models.code import refused

_COMMIT = re.compile("[0-9a-f]{40}")
_TOKENIZER = ["*.json", "*.model", "*.txt"]
_MODEL = [*_TOKENIZER, "*.safetensors"]  # never pickled weights, never code


def folder_of(source: str, revision: str | None = None, weights: bool = True) -> Path:
    """Returns the folder itself, or the hub's files in its cache; weights: they too. Raises ModelError."""
    if Path(source).is_dir():
        return Path(source)
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(source, revision=revision, allow_patterns=_MODEL if weights else _TOKENIZER))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{source} is neither a model folder nor a model that the hub could give now ({type(error).__name__}). "
            "Check the spelling, or download it where there is a network and name the folder."
        ) from error


def commit_of(folder: Path) -> str | None:
    """Returns the commit that a folder of the hub's cache holds, None for any other folder."""
    return folder.name if folder.parent.name == "snapshots" and _COMMIT.fullmatch(folder.name) else None


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Turns what transformers raises into one error that names the model."""
    try:
        yield
    except MemprobeError:
        raise
    except Exception as error:  # tokenizers raises no kind of its own for a damaged file, transformers a dozen
        if "custom code" in str(error):  # transformers' advice is to allow it
            raise refused(name) from error
        raise ModelError(f"{name} cannot be loaded as a causal language model: {error}") from error
