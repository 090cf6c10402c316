"""PEFT adapters: which base a folder adapts, and the base with the adapter merged in.

A merged model is a plain one: every engine feature (packing, the fast head) holds for it, and it costs no more per
token. What merging cannot express (prompts, prefixes, quantised bases) is refused; so is an adapter that would apply
in part only, and after merging the predictions are compared with those of the adapter beside its base.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from probe.errors import ModelError, UnsafeWeights
from probe.models.checks import sample
from probe.models.content import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from probe.models.hub import folder_of

_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")
_EMBEDDINGS = ("embed_tokens", "wte", "embed_in", "word_embeddings", "tok_embeddings")
_TOKENS = "trainable_tokens"  # of an adapter that trains single rows of the embedding
_HEADS = ("lm_head", "embed_out", "output_layer")
_TOLERANCE = {torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 1e-1}  # of the largest logit


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter's folder, its base's, and the rows of the vocabulary that it brings where it changes the base's."""

    folder: Path
    base: Path
    vocabulary: int | None
    own_tokenizer: bool


@dataclass(frozen=True, slots=True)
class _Ends:
    """A head that shares its weights with the embedding, and the last part of either's name."""

    head: Any
    names: frozenset[str]


def adapter_of(folder: Path, name: str) -> Adapter | None:
    """Returns what a folder adapts, None for a whole model; reads no weights. Raises ModelError."""
    if not (folder / ADAPTER_CONFIG).is_file():
        return None
    _check_files(folder, name)
    if find_spec("peft") is None:
        raise ModelError(f"{name} is an adapter, and merging it takes peft: pip install memprobe[peft].")
    with _explained(name):
        settings = json.loads((folder / ADAPTER_CONFIG).read_text())
        vocabulary = _rows(folder / ADAPTER_WEIGHTS, name)
    own = any((folder / file).is_file() for file in _TOKENIZERS)
    return Adapter(folder, _base(folder, settings, name), vocabulary, own)


def merge(model: Any, adapter: Adapter, name: str) -> Any:
    """Returns the base model with the adapter in its weights, in the model's dtype. Raises ModelError."""
    from peft import PeftConfig, get_peft_model

    with _explained(name):
        config = PeftConfig.from_pretrained(str(adapter.folder))
        if config.peft_type == "XLORA" or getattr(config, "megatron_config", None):
            raise ModelError(f"{name} asks for modules or adapters that lie elsewhere, which are not loaded: merge it.")
        if config.is_prompt_learning:
            raise ModelError(f"{name} is a {config.peft_type} adapter, which no weights can express: score its base.")
        config.inference_mode = True
        keys = set(_tensors(adapter.folder / ADAPTER_WEIGHTS))
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
    table, head = (any(_whole(key, modules) for key in keys) for modules in (_EMBEDDINGS, _HEADS))
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


def _tensors(file: Path) -> dict[str, tuple[int, ...]]:
    """Returns names and shapes from the file's header."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as weights:
            return {key: tuple(weights.get_slice(key).get_shape()) for key in weights.keys()}  # noqa: SIM118 - no mapping: it cannot be iterated over
    except SafetensorError as error:
        raise ModelError(f"{file} is damaged ({error}): download or save it again.") from error


def _rows(file: Path, name: str) -> int | None:
    """Returns the rows of a whole embedding or output head in the file, None without one."""
    rows = {shape[0] for key, shape in _tensors(file).items() if _whole(key, _EMBEDDINGS + _HEADS) and len(shape) == 2}
    if len(rows) > 1:
        raise ModelError(f"{name} brings an embedding and an output head of different sizes: {sorted(rows)} rows.")
    return next(iter(rows), None)


def _whole(key: str, modules: tuple[str, ...]) -> bool:
    return "lora_" not in key and key.endswith("weight") and any(part in modules for part in key.split("."))


def _spare(key: str, keys: set[str]) -> bool:
    """True for the further copies that peft writes of embeddings that were resized and trained whole."""
    plain = key.replace(".modules_to_save.", ".").replace(".original_module.", ".")
    return plain != key and plain in keys


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """One error for whatever peft raises. Its warnings are of tied and resized weights, which are dealt with here."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="peft")
            warnings.filterwarnings("ignore", message=".*(tie_word_embeddings|tied|resized|adapter)")
            warnings.filterwarnings("error", message="Unexpected keyword arguments")  # of a newer peft: half an adapter
            yield
    except (OSError, ValueError, LookupError, ImportError, RuntimeError, AttributeError, TypeError, Warning) as error:
        raise ModelError(f"{name} cannot be merged into its base: {error}") from error
