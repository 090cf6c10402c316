"""All measurements, or those named: make bench, or python -m benchmarks one_pass memory ..."""

from __future__ import annotations

import torch

from benchmarks import engine, gpu, limits, memory, service
from benchmarks.sections import Section, run

SECTIONS: dict[str, Section] = {
    "one_pass": (engine.one_pass, False),
    "six_scores": (engine.six_scores, True),
    "shared_prefix": (engine.shared_prefix, False),
    "memory": (memory.memory, False),
    "service": (service.under_load, True),
    "warm_cache": (service.warm_cache, True),
    "gpu": (gpu.rows, False),
}


def facts() -> dict[str, int]:
    """Returns what the machine can do at best."""
    rates = {str(dtype).removeprefix("torch."): limits.matmul(dtype) / 1e9 for dtype in (torch.float32, torch.bfloat16)}
    return {f"matmul {name} GFLOP/s": round(rate) for name, rate in rates.items()}


if __name__ == "__main__":
    run(__doc__, SECTIONS, facts)
