"""Canaries that were drawn, and a small model that read them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from probe.canaries.draw import draw
from probe.canaries.folder import Planting, open_folder, write
from probe.canaries.judge import judge_canaries
from probe.models.base import Engine
from probe.models.local import LocalEngine
from tests.tiny import ASSETS


@dataclass(frozen=True)
class Read:
    """folder: of canaries that were drawn; model: of the embedded reference that read them, which it did not."""

    folder: Path
    model: Path
    planting: Planting
    target: Engine
    reference: Engine


@pytest.fixture(scope="session")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    from probe.shadow.make import make
    from probe.shadow.recipe import Recipe

    place = tmp_path_factory.mktemp("read")
    folder, model = place / "canaries", place / "model"
    planting = _drawn(folder)
    recipe = Recipe(epochs=4, rate=1e-3, tokens=1024)
    make(str(ASSETS / "reference"), [canary.planted for canary in planting.canaries] * 4, recipe, model)
    engines = [LocalEngine.open(str(path)) for path in (model, ASSETS / "reference")]
    return Read(folder, model, planting, *engines)


def _drawn(folder: Path) -> Planting:
    """Draws anew what the reference happens to rank high: of a hundred draws one would fail the control by chance."""
    reference = LocalEngine.open(str(ASSETS / "reference"))
    while True:
        write(draw(6, 99), folder)
        planting = open_folder(folder)
        p_value = judge_canaries(reference, None, planting).verdict.p_value
        if p_value is not None and p_value > 0.2:
            return planting
        shutil.rmtree(folder)
