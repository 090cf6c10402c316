"""The local engine against the peers' way: one pass, all six scores, a shared prefix."""

from __future__ import annotations

import torch

from benchmarks import limits
from benchmarks.measure import Row, compare
from benchmarks.shapes import build
from benchmarks.sides import PREFIX, side

Bars = dict[tuple[str, str], tuple[float | None, float | None]]

FP32, BF16 = "float32", "bfloat16"
ONE_PASS: Bars = {  # the ratio that is asked for, and the share of the matmul limit
    ("pythia-70m", FP32): (2.6, 80), ("gpt2-124m", FP32): (2.0, 80), ("llama-3m", FP32): (None, None),
    ("pythia-70m", BF16): (6.0, 55), ("gpt2-124m", BF16): (4.0, 55), ("pythia-14m", BF16): (9.0, None),
    ("llama-3m", BF16): (4.0, None),
}  # fmt: skip
SIX = {(FP32, FP32): 3.5, (BF16, BF16): 6.0, (FP32, BF16): 12.0}  # peers' dtype, ours
SHARED = {(FP32, FP32): 9.0, (BF16, BF16): 10.0, (FP32, BF16): 30.0}


def one_pass(rounds: int) -> list[Row]:
    """Loss, Min-K%, Min-K%++ of 64 texts; ours with entropy and rank. Same dtype on both sides."""
    rows = []
    for (shape, dtype), (least, share) in ONE_PASS.items():
        limit = limits.tokens(build(shape, getattr(torch, dtype))[1])
        name = f"one target pass, {shape}"
        rows.append(_row("one pass", name, shape, (dtype, dtype), rounds, least, limit=limit, least_share=share))
    return rows


def six_scores(rounds: int) -> list[Row]:
    """Real texts and tokenizer, target and reference of random weights."""
    name, shape = "all six scores, pythia-70m", "pythia-70m"
    return [_row("six", name, shape, dtypes, rounds, least) for dtypes, least in SIX.items()]


def shared_prefix(rounds: int) -> list[Row]:
    """ReCaLL's conditional pass: peers recompute the prefix for each of six texts, ours keeps it for a hundred."""
    name, shape = f"ReCaLL, prefix of {PREFIX:,} tokens, pythia-70m", "pythia-70m"
    return [_row("prefix", name, shape, dtypes, rounds, least) for dtypes, least in SHARED.items()]


def _row(
    kind: str, name: str, shape: str, dtypes: tuple[str, str], rounds: int, least: float | None, **shares: float | None
) -> Row:
    theirs, ours = dtypes
    with side(f"peers {kind}", shape, theirs) as peers, side(f"memprobe {kind}", shape, ours) as memprobe:
        sides = {f"peers {theirs}": peers, f"memprobe {ours}": memprobe}
        return compare(name, sides, rounds, least=least, **shares)
