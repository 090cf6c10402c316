"""A recipe file: from what a fleet of shadow models is trained, on halves of which texts, and how.

    base = "models/base"            # hub id or folder; what the target was fine-tuned from
    members = ["trained.jsonl"]     # texts that the target was trained on, where they are known
    nonmembers = ["others.jsonl"]   # texts of the same kind that it was not trained on
    texts = ["in-question.jsonl"]   # texts of which nobody knows
    spare = ["more.jsonl"]          # others of the kind, for stop_early and distil
    shadows = 16                    # models, in pairs of complementary halves

    [training]                      # as the target was trained
    epochs = 4
    rate = 0.0004

    [defences."dropout .2"]         # of memprobe audit defences: what is trained otherwise
    dropout = 0.2

Paths are seen from the file. `target` may name a folder that memprobe trained: its own recipe is then the default.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from probe.data.read import Columns, Unreadable, read
from probe.errors import InputError
from probe.shadow.plan import GROUPS, Plan
from probe.shadow.recipe import FIELDS, Recipe, read_recipe
from probe.types import Text

FEWEST = 4  # shadows
_POPULATION, _POPULATION_SHARE = 1000, 4  # non-members that are set aside: so many, at most one in so many
_TYPES: dict[str, Any] = {
    "base": str, "target": str, "reference": str, **dict.fromkeys(GROUPS, list), "shadows": int, "singles": int,
    "population": int, "seed": int, "text_column": str, "id_column": str, "source_column": str, "training": dict,
    "defences": dict,
}  # fmt: skip
_DEFAULT = Recipe(epochs=3, rate=4e-4, tokens=2048, muon=True)


def read_plan(path: Path) -> Plan:
    """Raises InputError that names what is wrong and where."""
    try:
        found = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path} cannot be read as a recipe (TOML): {error}.") from error
    _check(found, _TYPES, str(path))
    _check(found.get("defences", {}), dict.fromkeys(found.get("defences", {}), dict), f"{path} [defences]")
    place = path.parent
    before = read_recipe(_seen_from(place, found["target"])) if "target" in found else {}
    training = {**before.get("training", {}), **found.get("training", {})}
    recipe = _recipe(training, path)
    base = found.get("base", before.get("base"))
    if base is None:
        raise InputError(f"{path}: name base, the hub id or folder that every model starts from.", "base")
    unread: list[str] = []
    groups = {name: _texts(place, found, name, unread) for name in GROUPS}
    if not any(group for name, group in groups.items() if name != "spare"):
        raise InputError(f"{path}: name files of texts: members, nonmembers or texts.", "texts")
    found.setdefault("population", min(_POPULATION, len(groups["nonmembers"]) // _POPULATION_SHARE))
    figures = ("shadows", "singles", "population", "seed")
    chosen: dict[str, Any] = {name: found[name] for name in figures if name in found}
    chosen |= {name: _seen_from(place, found[name]) for name in ("reference", "target") if name in found}
    chosen["defences"] = {
        name: _recipe({**training, **fields}, path, name) for name, fields in found.get("defences", {}).items()
    }
    plan = Plan(_seen_from(place, base) if "base" in found else base, groups, recipe, unread=unread, **chosen)
    if plan.shadows < FEWEST or plan.shadows % 2 or plan.singles < 0 or plan.population < 0:
        raise InputError(f"{path}: shadows is an even number of at least {FEWEST}, in pairs of halves.", "shadows")
    return plan


def _recipe(found: dict[str, Any], path: Path, defence: str | None = None) -> Recipe:
    section = "training" if defence is None else f"defences.{defence}"
    _check(found, FIELDS, f"{path} [{section}]")
    recipe = replace(_DEFAULT, **found)
    if recipe.wrong:
        raise InputError(f"{path} [{section}]: {recipe.wrong}.", section)
    return recipe


def _check(found: dict[str, Any], types: dict[str, Any], where: str) -> None:
    if unknown := sorted(found.keys() - types.keys()):
        raise InputError(f"{where}: unknown {', '.join(unknown)}; there are {', '.join(types)}.", unknown[0])
    for name, value in found.items():
        kind = types[name]
        fits = isinstance(value, (int, float) if kind is float else kind)
        if not fits or (kind is not bool and isinstance(value, bool)):
            raise InputError(f"{where}: {name} is to be of type {kind.__name__}, not {value!r}.", name)


def _seen_from(place: Path, source: str) -> str:
    """Returns the path of a folder seen from the recipe's, a hub id as it is."""
    inside = place / source
    return str(inside) if inside.exists() else source


def _texts(place: Path, found: dict[str, Any], name: str, unread: list[str]) -> list[Text]:
    """Returns the texts of a group; adds a line to `unread` for each row that gives none."""
    columns = Columns(found.get("text_column", "text"), found.get("id_column", "id"), found.get("source_column"))
    texts: list[Text] = []
    for entry in found.get(name, []):
        if not isinstance(entry, str):
            raise InputError(f"{name} is a list of files, and {entry!r} is none.", name)
        rows = list(read(place / entry, columns))
        bad = [f"{entry}, row {row.row}: {row.reason}" for row in rows if isinstance(row, Unreadable)]
        if bad and len(bad) == len(rows):
            raise InputError(f"No row of {entry} can be read. {bad[0]}.", name)
        unread += bad
        texts += [row for row in rows if isinstance(row, Text)]
    return texts
