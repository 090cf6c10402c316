"""Code that a model's files ask for: none of it is run. What cannot do without is refused, all else told.

Weights are a matter of their own (content.py): a pickle is code, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from probe.errors import ModelError

_KERNELS = ("attn_implementation", "experts_implementation")  # with or without _ before it, and _internal behind it
_REMEDY = "Name a model that transformers reads, or serve it where you trust its code and name the server's address."


def check_code(folder: Path, name: str) -> tuple[str, ...]:
    """Returns a warning where the configuration names code that is left aside. Raises ModelError where it names code on
    the hub that transformers would fetch and run.
    """
    settings = settings_of(folder / "config.json")
    for key, value in _pairs(settings):
        if any(kernel in key for kernel in _KERNELS) and any("/" in one for one in _strings(value)):
            raise ModelError(
                f"{name} asks for code on the hub ({key} in its config.json), which memprobe does not fetch: take that "
                "entry out of a copy, and name the copy."
            )
    return left_aside(folder / "config.json")


def left_aside(path: Path) -> tuple[str, ...]:
    """Returns a warning where a file names code that is not run."""
    if "auto_map" not in settings_of(path):
        return ()
    return (f"{path.name} names code of the model's own (auto_map), which is not run: transformers' own stands in",)


def refused(name: str) -> ModelError:
    """Returns the error for a model that only its own code can run."""
    return ModelError(f"{name} can only be read by code of its own (auto_map), and memprobe runs none. {_REMEDY}")


def settings_of(path: Path) -> dict[str, Any]:
    """Returns what a JSON file holds; nothing of one that is not there or broken, for whoever reads it says so."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _pairs(value: Any) -> Iterator[tuple[str, Any]]:
    """Yields every key and its value, however deep."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield key, inner
        yield from _pairs(inner)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else ():
        yield from _strings(inner)
