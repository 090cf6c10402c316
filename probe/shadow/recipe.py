"""How one model is trained: what a recipe file's [training] says, and what is kept beside a model that was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from probe.errors import InputError

KEPT = "memprobe-recipe.json"  # beside the weights of a model that was trained by a recipe


@dataclass(frozen=True)
class Recipe:
    """How one model is trained, and what keeps it from remembering its texts.

    muon: matrices between embedding and head by Muon (Jordan et al. 2024): fewer epochs are needed. tokens: per
    optimiser step. decay: of weights (L2, decoupled). lora: rank of the adapters that are trained alone and then
    merged; 0: all of the model is trained. dropout: share of what a block adds. epsilon, delta: DP-SGD by text (Abadi
    et al. 2016), each text's gradient cut to the norm `clip`; 0: none; by AdamW, whatever muon says. stop_early: what
    is kept is the epoch with the least loss on spare texts. distil: what is kept is a student that spare texts taught,
    as the model that saw the texts continues them.
    """

    epochs: int
    rate: float
    tokens: int
    decay: float = 0.1
    seed: int = 0
    muon: bool = False
    lora: int = 0
    dropout: float = 0.0
    epsilon: float = 0.0
    delta: float = 1e-5
    clip: float = 1.0
    stop_early: bool = False
    distil: bool = False

    @property
    def wrong(self) -> str | None:
        """What is wrong with the figures, in words."""
        if self.epochs < 1 or not self.rate > 0 or self.tokens < 1 or self.lora < 0 or self.decay < 0:
            return "epochs, rate and tokens are above 0, lora and decay are not below"
        if not 0 <= self.dropout < 1:
            return "dropout is a share from 0 to below 1"
        if self.epsilon < 0 or not 0 < self.delta < 1 or not self.clip > 0:
            return "epsilon is not below 0 (0: no privacy is promised), delta is between 0 and 1, clip above 0"
        return None

    @property
    def spares(self) -> bool:
        """True where the training reads spare texts, too."""
        return self.stop_early or self.distil


FIELDS = {one.name: get_type_hints(Recipe)[one.name] for one in fields(Recipe)}  # and the type of each


def write_recipe(folder: Path, base: str, recipe: Recipe, private: Mapping[str, float] | None = None) -> None:
    """Keeps beside a model how it was made, so that its shadows may be made likewise; private: what its epsilon rests
    on (private.terms).
    """
    kept: dict[str, Any] = {
        "base": base,
        "training": {name: getattr(recipe, name) for name in FIELDS if name != "seed"},
    }
    if private:
        kept["private"] = dict(private)
    (folder / KEPT).write_text(json.dumps(kept, indent=1) + "\n")


def read_recipe(target: str) -> dict[str, Any]:
    """Returns what is kept beside a model, nothing where it was trained elsewhere. Raises InputError."""
    path = Path(target) / KEPT
    try:
        found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    except ValueError as error:
        raise InputError(f"{path} is damaged: delete it and write [training] into the recipe.", "target") from error
    return found
