"""The local engine against the peers' way: one pass, all six scores, a shared prefix."""

from __future__ import annotations

import torch

from benchmarks import limits
from benchmarks.measure import Row, compare
from benchmarks.shapes import build
from benchmarks.sides import PREFIX, side

ONE_PASS = {
    ("pythia-70m", "float32"): 2.2, ("gpt2-124m", "float32"): 1.75, ("llama-3m", "float32"): None,
    ("pythia-70m", "bfloat16"): 4.5, ("gpt2-124m", "bfloat16"): 3.0, ("llama-3m", "bfloat16"): None,
}  # fmt: skip


def one_pass(rounds: int) -> list[Row]:
    """Loss, Min-K%, Min-K%++ of 64 texts; ours with entropy and rank. Same dtype on both sides."""
    rows = []
    for (shape, dtype), least in ONE_PASS.items():
        limit = limits.tokens(build(shape, getattr(torch, dtype))[1])
        rows.append(_row("one pass", f"one target pass, {shape}", shape, (dtype, dtype), rounds, least, limit))
    return rows


def six_scores(rounds: int) -> list[Row]:
    """Real texts and tokenizer, target and reference of random weights; peers in float32, ours in both dtypes."""
    bars = {"float32": 2.7, "bfloat16": 9.0}
    name, shape = "all six scores, pythia-70m", "pythia-70m"
    return [_row("six", name, shape, ("float32", dtype), rounds, least) for dtype, least in bars.items()]


def shared_prefix(rounds: int) -> list[Row]:
    """ReCaLL's conditional pass: peers recompute the prefix for each of six texts, ours keeps it for a hundred."""
    bars = {"float32": 9.0, "bfloat16": 24.0}
    name, shape = f"ReCaLL, prefix of {PREFIX:,} tokens, pythia-70m", "pythia-70m"
    return [_row("prefix", name, shape, ("float32", dtype), rounds, least) for dtype, least in bars.items()]


def _row(
    kind: str, name: str, shape: str, dtypes: tuple[str, str], rounds: int, least: float | None,
    limit: float | None = None,
) -> Row:  # fmt: skip
    theirs, ours = dtypes
    with side(f"peers {kind}", shape, theirs) as peers, side(f"memprobe {kind}", shape, ours) as memprobe:
        sides = {f"peers {theirs}": peers, f"memprobe {ours}": memprobe}
        return compare(name, sides, rounds, least=least, limit=limit)
