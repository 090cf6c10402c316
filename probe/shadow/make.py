"""One model by a recipe: from a base and texts to a folder of weights, going on from a checkpoint where one is."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from probe.errors import InputError, ModelError
from probe.models.load import Source, find, load
from probe.models.tokens import open_tokenizer
from probe.shadow.folder import made
from probe.shadow.plan import write_recipe
from probe.shadow.recipe import Recipe
from probe.shadow.rows import rows_of
from probe.shadow.train import EVERY, Progress, silent, train

_CHECKPOINT = "checkpoint.pt"


def make(
    base: str, texts: Sequence[str], recipe: Recipe, out: Path, *, device: str = "cpu", progress: Progress = silent,
    every: float = EVERY,
) -> None:  # fmt: skip
    """Trains and writes the model; nothing where it is there. Raises ModelError, InputError.

    every: seconds between checkpoints, which stand beside `out` until it is whole.
    """
    if made(out):
        return
    source = find(base, dtype="float32", device_map=device)
    rows = rows_of(source, texts)
    if not rows:
        raise InputError("None of the texts can be read by the base.", "texts")
    part = out.with_name(out.name + ".part")
    part.mkdir(parents=True, exist_ok=True)
    model = trainable(source)
    if recipe.lora:
        model = _adapted(model, recipe)
    trained = _merged(train(model, rows, recipe, progress=progress, checkpoint=part / _CHECKPOINT, every=every))
    trained.to("cpu").save_pretrained(part)
    source.tokenizer.save(part)
    write_recipe(part, base, recipe)
    (part / _CHECKPOINT).unlink(missing_ok=True)
    (part / f"{_CHECKPOINT}.part").unlink(missing_ok=True)
    if out.exists():  # left by hand, without weights
        shutil.rmtree(out)
    part.rename(out)


def begun(base: str, out: Path, seed: int) -> str:
    """Returns the base; of a folder that holds config.json and a tokenizer but no weights, a model with random ones,
    written to `out`.
    """
    folder = Path(base)
    if not (folder / "config.json").is_file() or any(folder.glob("*.safetensors")) or any(folder.glob("*.bin")):
        return base
    if not made(out):
        torch.manual_seed(seed)
        open_tokenizer(base).save(out)
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        AutoModelForCausalLM.from_config(config).save_pretrained(out)
    return str(out)


def trainable(source: Source) -> Any:
    """Returns the model. Raises ModelError where its weights cannot be trained."""
    model = load(source)
    if getattr(model, "is_quantized", False):
        raise ModelError(f"{source.name} is quantised and cannot be trained: name the model that it was made of.")
    return model


def _adapted(model: Any, recipe: Recipe) -> Any:
    """Returns the model with new adapters of this rank on every linear layer, which alone are trained."""
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise ModelError("lora takes peft: pip install memprobe[peft].") from error
    torch.manual_seed(recipe.seed)
    return get_peft_model(model, LoraConfig(r=recipe.lora, lora_alpha=2 * recipe.lora, target_modules="all-linear"))


def _merged(model: Any) -> Any:
    return model.merge_and_unload() if hasattr(model, "merge_and_unload") else model
