"""How one model is trained: what a recipe file's [training] says, and what is kept beside a model that was."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How one model is trained. muon: matrices between embedding and head by Muon (Jordan et al. 2024): fewer
    epochs are needed.
    """

    epochs: int
    rate: float
    tokens: int  # per optimiser step
    decay: float = 0.1
    seed: int = 0
    muon: bool = False
    lora: int = 0  # rank of the adapters that are trained alone and then merged; 0: all of the model is trained
