"""PEFT adapters: which base a folder adapts, and what its file holds; merging.py makes one model of both."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from probe.errors import ModelError, UnsafeWeights
from probe.models.content import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from probe.models.hub import folder_of

_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")
EMBEDDINGS = ("embed_tokens", "wte", "embed_in", "word_embeddings", "tok_embeddings")
HEADS = ("lm_head", "embed_out", "output_layer")


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter's folder, its base's, and the rows of the vocabulary that it brings where it changes the base's."""

    folder: Path
    base: Path
    vocabulary: int | None
    own_tokenizer: bool


def adapter_of(folder: Path, name: str) -> Adapter | None:
    """Returns what a folder adapts, None for a whole model; reads no weights. Raises ModelError."""
    if not (folder / ADAPTER_CONFIG).is_file():
        return None
    _check_files(folder, name)
    if find_spec("peft") is None:
        raise ModelError(f"{name} is an adapter, and merging it takes peft: pip install memprobe[peft].")
    with explained(name):
        settings = json.loads((folder / ADAPTER_CONFIG).read_text())
        vocabulary = _rows(folder / ADAPTER_WEIGHTS, name)
    own = any((folder / file).is_file() for file in _TOKENIZERS)
    return Adapter(folder, _base(folder, settings, name), vocabulary, own)


def _check_files(folder: Path, name: str) -> None:
    if not (folder / ADAPTER_WEIGHTS).is_file():
        raise UnsafeWeights(
            f"{name} is an adapter without {ADAPTER_WEIGHTS}; memprobe loads safetensors only, because unpickling runs "
            "code. Convert it where you trust it: PeftModel.from_pretrained(BASE, FOLDER).save_pretrained(FOLDER)."
        )
    others = [path.name for path in sorted(folder.glob("*.safetensors")) if path.name != ADAPTER_WEIGHTS]
    if others:
        raise ModelError(
            f"{name} holds both a whole model ({others[0]}) and an adapter ({ADAPTER_CONFIG}); which is meant? Move "
            "one of them to a folder of its own."
        )


def _base(folder: Path, settings: dict[str, Any], name: str) -> Path:
    stated = settings.get("base_model_name_or_path")
    if not stated:
        raise ModelError(f"{name} names no base: set base_model_name_or_path in its {ADAPTER_CONFIG}.")
    try:
        beside = folder / stated
        base = beside.resolve() if beside.is_dir() else folder_of(stated, settings.get("revision"))
    except ModelError as error:
        raise ModelError(
            f"{name} adapts {stated}, and {error} Or set base_model_name_or_path in its {ADAPTER_CONFIG}."
        ) from error
    if (base / ADAPTER_CONFIG).is_file():
        raise ModelError(f"{name} adapts {stated}, itself an adapter: merge that one first and name the result.")
    config = base / "config.json"
    if config.is_file() and "quantization_config" in json.loads(config.read_text()):
        raise ModelError(
            f"{name} adapts {stated}, whose weights are quantised: merging would round the adapter away. Set "
            f"base_model_name_or_path in its {ADAPTER_CONFIG} to the same model in full precision."
        )
    return base


def tensors(file: Path) -> dict[str, tuple[int, ...]]:
    """Returns names and shapes from the file's header."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as weights:
            return {key: tuple(weights.get_slice(key).get_shape()) for key in weights.keys()}  # noqa: SIM118 - no mapping: it cannot be iterated over
    except SafetensorError as error:
        raise ModelError(f"{file} is damaged ({error}): download or save it again.") from error


def _rows(file: Path, name: str) -> int | None:
    """Returns the rows of a whole embedding or output head in the file, None without one."""
    rows = {shape[0] for key, shape in tensors(file).items() if whole(key, EMBEDDINGS + HEADS) and len(shape) == 2}
    if len(rows) > 1:
        raise ModelError(f"{name} brings an embedding and an output head of different sizes: {sorted(rows)} rows.")
    return next(iter(rows), None)


def whole(key: str, modules: tuple[str, ...]) -> bool:
    return "lora_" not in key and key.endswith("weight") and any(part in modules for part in key.split("."))


@contextmanager
def explained(name: str) -> Iterator[None]:
    """One error for whatever peft raises. Its warnings are of tied and resized weights, which are dealt with here."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="peft")
            warnings.filterwarnings("ignore", message=".*(tie_word_embeddings|tied|resized|adapter)")
            warnings.filterwarnings("error", message="Unexpected keyword arguments")  # of a newer peft: half an adapter
            yield
    except (OSError, ValueError, LookupError, ImportError, RuntimeError, AttributeError, TypeError, Warning) as error:
        raise ModelError(f"{name} cannot be merged into its base: {error}") from error
