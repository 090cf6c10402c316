"""All measurements of batch scans, or those named: make bench-scans, or python -m benchmarks.scans overhead ..."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

import torch

from benchmarks import material
from benchmarks.measure import Row, write
from benchmarks.scans import kills, memory, overhead

SECTIONS: dict[str, tuple[Callable[[int], list[Row]], bool]] = {  # and whether it needs the test material
    "overhead": (overhead.rows, True),
    "kills": (kills.rows, False),
    "memory": (memory.rows, False),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], default=[])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    for name in arguments.sections or SECTIONS:
        section, needs_material = SECTIONS[name]
        if needs_material and not material.there():
            print(f"{name} is left out: the folder of test material is absent", file=sys.stderr)
            continue
        write(f"scans_{name}", section(arguments.rounds), threads=torch.get_num_threads(), torch=torch.__version__)


if __name__ == "__main__":
    main()
