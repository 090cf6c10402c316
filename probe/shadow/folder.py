"""Where things lie in a fleet's folder.

OUT/plan.json         base, recipe, seed
OUT/universe.npz      who saw which text, by hash
OUT/population.jsonl  non-members that no model saw
OUT/models/000 ...    the models
OUT/study.npz         what was measured of them
"""

from __future__ import annotations

from pathlib import Path

PLAN, UNIVERSE, POPULATION, STUDY = "plan.json", "universe.npz", "population.jsonl", "study.npz"


def place_of(out: Path, number: int) -> Path:
    """Returns the folder of a model."""
    return out / "models" / f"{number:03d}"


def base_of(out: Path, base: str) -> str:
    """Returns what the fleet's models began with: where the base was a configuration alone, what was made of it."""
    return str(out / "base") if made(out / "base") else base


def made(folder: Path) -> bool:
    """True where a folder holds a whole model: its name is given when it is."""
    return (folder / "model.safetensors").is_file() or (folder / "model.safetensors.index.json").is_file()
