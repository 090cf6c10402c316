"""One model by a recipe: from a base and texts to a folder of weights, going on from a checkpoint where one is."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils.logging import disable_progress_bar

from probe.errors import InputError, ModelError
from probe.models.code import check_code
from probe.models.load import Source, find, load
from probe.models.tokens import open_tokenizer
from probe.shadow.folder import made
from probe.shadow.private import terms
from probe.shadow.recipe import Recipe, write_recipe
from probe.shadow.rows import rows_of
from probe.shadow.train import EVERY, Progress, silent, train

_CHECKPOINT = "checkpoint.pt"


def make(
    base: str, texts: Sequence[str], recipe: Recipe, out: Path, *, spare: Sequence[str] = (), device: str = "cpu",
    progress: Progress = silent, every: float = EVERY,
) -> None:  # fmt: skip
    """Trains and writes the model; nothing where it is there. Raises ModelError, InputError.

    spare: texts by which early stopping stops, or that a distillation's student reads instead of `texts`. every:
    seconds between checkpoints, which stand beside `out` until it is whole.
    """
    if made(out):
        return
    if recipe.spares and not spare:
        raise InputError("stop_early and distil take spare texts, which no other model is trained on.", "spare")
    source = find(base, dtype="float32", device_map=device)
    part, master = out.with_name(f"{out.name}.part"), out.with_name(f"{out.name}.teacher")
    part.mkdir(parents=True, exist_ok=True)
    checkpoint = part / _CHECKPOINT
    if recipe.distil:
        first, half = replace(recipe, distil=False), _span(progress, 0, 0.5)
        make(base, texts, first, master, spare=spare, device=device, progress=half, every=every)
        teacher = trainable(find(str(master), dtype="float32", device_map=device))
        trained = _train(source, spare, _student(recipe), (), _span(progress, 0.5, 1), checkpoint, every, teacher)
    else:
        trained = _train(source, texts, recipe, spare, progress, checkpoint, every)
    trained.to("cpu").save_pretrained(part)
    source.tokenizer.save(part)
    private = terms(rows_of(source, texts, cut=True), recipe) if recipe.epsilon else None
    write_recipe(part, base, recipe, private)
    checkpoint.unlink(missing_ok=True)
    checkpoint.with_name(f"{_CHECKPOINT}.part").unlink(missing_ok=True)
    if out.exists():  # left by hand, without weights
        shutil.rmtree(out)
    part.rename(out)
    shutil.rmtree(master, ignore_errors=True)


def _train(
    source: Source, texts: Sequence[str], recipe: Recipe, spare: Sequence[str], progress: Progress, checkpoint: Path,
    every: float, teacher: Any = None,
) -> Any:  # fmt: skip
    """Returns a trained model."""
    rows = rows_of(source, texts, cut=bool(recipe.epsilon))  # a text is one row where rows are what is protected
    if not rows:
        raise InputError("None of the texts can be read by the base.", "texts")
    model = trainable(source)
    if recipe.lora:
        model = _adapted(model, recipe)
    stop_by = rows_of(source, spare) if recipe.stop_early else []
    start = f"{source.hash} {teacher.name_or_path if teacher is not None else ''}"
    return _merged(train(model, rows, recipe, stop_by, progress, checkpoint, every, teacher, start))


def _student(recipe: Recipe) -> Recipe:
    """Returns how a student learns: what its teacher says is all that it has of the texts, and needs no guard."""
    return replace(recipe, epsilon=0.0, dropout=0.0, stop_early=False)


def _span(progress: Progress, begin: float, end: float) -> Progress:
    """Returns what tells the progress of a part as the whole's."""
    return lambda label, share, loss: progress(label, begin + share * (end - begin), loss)


def begun(base: str, out: Path, seed: int) -> str:
    """Returns the base; of a folder that holds config.json and a tokenizer but no weights, a model with random ones,
    written to `out`.
    """
    folder = Path(base)
    if not (folder / "config.json").is_file() or any(folder.glob("*.safetensors")) or any(folder.glob("*.bin")):
        return base
    if not made(out):
        torch.manual_seed(seed)
        check_code(folder, folder.name)
        open_tokenizer(base).save(out)
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        AutoModelForCausalLM.from_config(config).save_pretrained(out)
    return str(out)


def quiet() -> None:
    """Shows no bars for reading and writing weights: many models share one terminal."""
    disable_progress_bar()


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
