"""A trained fleet is opened and studied, once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from accelerate import PartialState

from probe.models.local import LocalEngine
from probe.shadow.folder import STUDY, base_of, place_of
from probe.shadow.plan import Plan
from probe.shadow.study import Study, read_study, study, write_study
from probe.shadow.universe import Universe


def examine(plan: Plan, found: Universe, folder: Path, say: Callable[[str], None] = lambda what: None) -> Study | None:
    """Returns what the fleet knows; None in a process of accelerate's that is not the first. Raises ModelError."""
    if not PartialState().is_main_process:
        return None
    if (folder / STUDY).is_file():
        return read_study(folder)
    engines = [LocalEngine.open(str(place_of(folder, number)), dtype="float32") for number in range(len(found.inside))]
    reference = LocalEngine.open(plan.reference or base_of(folder, plan.base), dtype="float32")
    done = study(engines, reference, found.texts, found.inside, found.population, plan.seed, say)
    write_study(folder, done)
    return done
