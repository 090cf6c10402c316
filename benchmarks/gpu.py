"""On an NVIDIA GPU: a 1B Llama shape in bfloat16; tokens/s, share of the matmul rate, memory."""

from __future__ import annotations

import sys

import torch

from benchmarks import limits, peers
from benchmarks.measure import Row, compare
from benchmarks.shapes import build, scored_tokens, texts
from probe.models.local import LocalEngine

SHAPE, TEXTS = "llama-1b", 256


def rows(rounds: int) -> list[Row]:
    if not torch.cuda.is_available():
        print("gpu is left out: there is no NVIDIA GPU here", file=sys.stderr)
        return []
    source, model = build(SHAPE, torch.bfloat16)
    sample, model = texts(TEXTS, source.vocabulary), model.to("cuda")
    engine = LocalEngine(source, model=model)

    sides = {"peers": lambda: peers.one_pass(model, sample[:32]), "memprobe": lambda: scored_tokens(engine, sample)}
    row = compare(f"one target pass, {SHAPE} bfloat16", sides, rounds, limit=limits.tokens(model))
    memory = torch.cuda.max_memory_allocated() / 2**20
    return [row, Row(f"peak GPU memory, {SHAPE} bfloat16", {"both sides": memory}, "MB")]
