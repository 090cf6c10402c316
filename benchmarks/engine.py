"""The local engine against the peers' way, same threads, same precision on both sides: make bench."""

from __future__ import annotations

import argparse

import torch

from benchmarks import peers
from benchmarks.measure import Row, compare, write
from benchmarks.shapes import SHAPES, build, texts
from probe.models.local import LocalEngine

TEXTS = 64


def row(shape: str, dtype: torch.dtype, rounds: int) -> Row:
    source, model = build(shape, dtype)
    sample = texts(TEXTS, source.vocabulary)
    engine = LocalEngine(source, model=model)

    def ours() -> int:
        return sum(len(stats.logprob) for stats in engine.score(sample))  # type: ignore[union-attr]

    sides = {"peers": lambda: peers.one_pass(model, sample), "memprobe": ours}
    return compare(f"{shape} {str(dtype).removeprefix('torch.')}, one target pass", sides, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", nargs="*", default=["pythia-70m", "gpt2-124m", "llama-3m"], choices=SHAPES)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    dtypes = (torch.float32, torch.bfloat16)
    rows = [row(shape, dtype, arguments.rounds) for shape in arguments.shapes for dtype in dtypes]
    write("engine", rows, {"threads": torch.get_num_threads(), "texts": TEXTS})


if __name__ == "__main__":
    main()
