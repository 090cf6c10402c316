"""Rows of a Hugging Face dataset, named `hf:NAME[/CONFIG]:SPLIT`; NAME is a hub id or a folder that load_dataset reads.

A column of classes comes out as the classes' names: which number stands for which is the dataset's own choice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from probe.data.rows import Raw, Table
from probe.errors import InputError

SCHEME = "hf:"


def hub_rows(name: str, *, streaming: bool = False) -> Table:
    """Returns the rows of a split; streaming: without fetching all of it first. Raises InputError."""
    path, config, split = _parts(name)
    try:
        from datasets import ClassLabel, load_dataset
    except ImportError as error:
        raise InputError(f"{name} takes the datasets library: pip install 'memprobe[datasets]'.") from error
    try:
        found = load_dataset(path, config, split=split, streaming=streaming)
    except Exception as error:  # the library raises its own kinds, and those of a dozen file formats
        raise InputError(f"{name} cannot be loaded: {_said(error)} Name it as hf:NAME[/CONFIG]:SPLIT.") from error
    features = found.features or {}  # unknown in advance for some streams
    classes = {column: kind for column, kind in features.items() if isinstance(kind, ClassLabel)}
    return Table(_rows(found, classes), list(features) or None)


def _said(error: Exception) -> str:
    """Returns the first line of what is said of names; of what parsers say, which quote the data, the kind alone."""
    told = isinstance(error, OSError | ValueError) and not type(error).__module__.startswith("pyarrow")
    lines = str(error).strip().splitlines() if told else []
    return lines[0] if lines else f"{type(error).__name__}."


def _parts(name: str) -> tuple[str, str | None, str]:
    """Returns path, configuration and split. Raises InputError."""
    path, _, split = name.removeprefix(SCHEME).partition(":")
    if not (path and split):
        raise InputError(f"{name} names no {'split' if path else 'dataset'}: write hf:NAME[/CONFIG]:SPLIT.")
    if Path(path).is_dir() or path.startswith((".", "/", "~")) or path.count("/") < 2:
        return path, None, split
    owner, dataset, config = path.split("/", 2)
    return f"{owner}/{dataset}", config, split


def _rows(found: Any, classes: Mapping[str, Any]) -> Iterator[Raw]:
    for number, row in enumerate(found, 1):
        names = {column: kind.int2str(row[column]) for column, kind in classes.items() if row[column] is not None}
        yield Raw(number, row | names)
