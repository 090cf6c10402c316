"""Peak memory over the weights: texts of any lengths up to the context, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.measure import Row, verdict

SHAPE, MOST = "gpt2-124m", 400.0


def peak(rounds: int) -> list[Row]:
    """One row: MB above what the loaded model takes."""
    found = subprocess.run([sys.executable, "-m", "benchmarks.memory"], capture_output=True, text=True, check=True)
    figure = float(json.loads(found.stdout.splitlines()[-1]))
    name = f"peak memory over the weights, {SHAPE} float32, 60 texts of 2 to 1,024 tokens"
    return [Row(name, {"memprobe": figure}, "MB", bar=verdict(figure, most=MOST, unit=" MB"))]


def _resident(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def main() -> None:
    import numpy as np
    import torch

    from benchmarks.shapes import build, texts
    from probe.models.local import LocalEngine

    source, model = build(SHAPE, torch.float32)
    engine = LocalEngine(source, model=model)
    engine.score(texts(1, source.vocabulary, length=8))
    rng = np.random.default_rng(0)
    sample = [texts(1, source.vocabulary, seed=n, length=int(k))[0] for n, k in enumerate(rng.integers(1, 1024, 60))]
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    before = _resident("VmRSS")
    engine.score(sample)
    print(json.dumps(_resident("VmHWM") - before))


if __name__ == "__main__":
    main()
