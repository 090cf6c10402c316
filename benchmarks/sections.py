"""Named measurements from a command line: all of them, or those that are named."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

import torch

from benchmarks import material
from benchmarks.measure import Row, write

Section = tuple[Callable[[int], list[Row]], bool]  # rounds -> rows; and whether it needs the test material


def run(
    doc: str | None, sections: Mapping[str, Section], facts: Callable[[], dict[str, Any]] = dict, of: str = ""
) -> None:
    """facts: stand beside the figures, taken before the first section. of: begins the name of a section's results."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("sections", nargs="*", choices=[*sections, []], default=[])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    beside = facts()
    for name in arguments.sections or sections:
        section, needs_material = sections[name]
        if needs_material and not material.there():
            print(f"{name} is left out: the folder of test material is absent", file=sys.stderr)
            continue
        if rows := section(arguments.rounds):
            write(f"{of}{name}", rows, threads=torch.get_num_threads(), torch=torch.__version__, **beside)
