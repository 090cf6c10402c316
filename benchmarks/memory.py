"""Memory over the weights, in processes of their own: the peak of texts of any lengths up to the context, and what ever
new sizes of requests leave behind.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.measure import Row, verdict

PEAK, MOST = ("gpt2-124m", "float32"), 400.0
LEFT, MOST_LEFT, REQUESTS = ("pythia-14m", "bfloat16"), 400.0, 400


def memory(rounds: int) -> list[Row]:
    """Two rows: MB above what the loaded model takes."""
    peak, left = (" ".join(which) for which in (PEAK, LEFT))
    return [
        _row(f"peak memory over the weights, {peak}, 60 texts of 2 to 1,024 tokens", "peak", MOST),
        _row(f"memory over the weights after {REQUESTS} requests of ever new sizes, {left}", "left", MOST_LEFT),
    ]


def _row(name: str, which: str, most: float) -> Row:
    command = [sys.executable, "-m", "benchmarks.memory", which]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    figure = float(json.loads(found.stdout.splitlines()[-1]))
    return Row(name, {"memprobe": figure}, "MB", bar=verdict(figure, most=most, unit=" MB"))


def _resident(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def _engine(shape: str, dtype: str) -> tuple[Any, int]:
    """Returns an engine that has scored a first text, and the size of its vocabulary."""
    import torch

    from benchmarks.shapes import build, texts
    from probe.models.local import LocalEngine

    source, model = build(shape, getattr(torch, dtype))
    engine = LocalEngine(source, model=model)
    engine.score(texts(1, source.vocabulary, length=8))
    return engine, source.vocabulary


def _peak() -> float:
    import numpy as np

    from benchmarks.shapes import texts

    engine, vocabulary = _engine(*PEAK)
    rng = np.random.default_rng(0)
    sample = [texts(1, vocabulary, seed=n, length=int(k))[0] for n, k in enumerate(rng.integers(1, 1024, 60))]
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    before = _resident("VmRSS")
    engine.score(sample)
    return _resident("VmHWM") - before


def _left() -> float:
    import numpy as np

    from benchmarks.shapes import texts

    engine, vocabulary = _engine(*LEFT)
    rng, before = np.random.default_rng(0), _resident("VmRSS")
    for _ in range(REQUESTS):
        lengths = rng.integers(5, 120, int(rng.integers(1, 40)))
        engine.score([texts(1, vocabulary, seed=int(rng.integers(1 << 30)), length=int(k))[0] for k in lengths])
    return _resident("VmRSS") - before


if __name__ == "__main__":
    print(json.dumps({"peak": _peak, "left": _left}[sys.argv[1]]()))
