"""All measurements, or those named: make bench, or python -m benchmarks one_pass memory ..."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

import torch

from benchmarks import engine, gpu, limits, material, memory, service
from benchmarks.measure import Row, write

SECTIONS: dict[str, tuple[Callable[[int], list[Row]], bool]] = {  # and whether it needs the test material
    "one_pass": (engine.one_pass, False),
    "six_scores": (engine.six_scores, True),
    "shared_prefix": (engine.shared_prefix, False),
    "memory": (memory.peak, False),
    "service": (service.under_load, True),
    "warm_cache": (service.warm_cache, True),
    "gpu": (gpu.rows, False),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], default=[])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    rates = {str(dtype).removeprefix("torch."): limits.matmul(dtype) / 1e9 for dtype in (torch.float32, torch.bfloat16)}
    facts = {f"matmul {name} GFLOP/s": round(rate) for name, rate in rates.items()}
    for name in arguments.sections or SECTIONS:
        section, needs_material = SECTIONS[name]
        if needs_material and not material.there():
            print(f"{name} is left out: the folder of test material is absent", file=sys.stderr)
            continue
        if rows := section(arguments.rounds):
            write(name, rows, threads=torch.get_num_threads(), torch=torch.__version__, **facts)


if __name__ == "__main__":
    main()
