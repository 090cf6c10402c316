"""The local engine against the peers' way: one pass, all six scores, a shared prefix."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks import limits, material, peers
from benchmarks.measure import Row, compare
from benchmarks.shapes import build, texts
from probe.models.base import NO_EXTRAS, Extras
from probe.models.local import LocalEngine
from probe.pipeline import Probe

TEXTS, PREFIX, REPEATED = 64, 1000, 6
SIX = ("loss", "zlib", "lowercase", "mink", "minkpp", "ref")
ONE_PASS = {
    ("pythia-70m", "float32"): 2.2, ("gpt2-124m", "float32"): 1.75, ("llama-3m", "float32"): None,
    ("pythia-70m", "bfloat16"): 4.5, ("gpt2-124m", "bfloat16"): 3.0, ("llama-3m", "bfloat16"): None,
}  # fmt: skip


def one_pass(rounds: int) -> list[Row]:
    """Loss, Min-K%, Min-K%++ of 64 texts; ours with entropy and rank. Same dtype on both sides."""
    return [_one_pass(shape, dtype, least, rounds) for (shape, dtype), least in ONE_PASS.items()]


def _one_pass(shape: str, dtype: str, least: float | None, rounds: int) -> Row:
    source, model = build(shape, getattr(torch, dtype))
    sample, engine = texts(TEXTS, source.vocabulary), LocalEngine(source, model=_twin(shape, dtype))
    sides = {"peers": lambda: peers.one_pass(model, sample), "memprobe": lambda: _count(engine, sample)}
    return compare(f"one target pass, {shape} {dtype}", sides, rounds, least=least, limit=limits.tokens(model))


def six_scores(rounds: int) -> list[Row]:
    """Real texts and tokenizer, target and reference of random weights; peers in float32, ours in both dtypes."""
    passages, rows = material.passages(TEXTS), []
    with TemporaryDirectory() as name:
        folder = material.save("pythia-70m", Path(name))
        target = LocalEngine.open(str(folder))
        target.load()
        model, reference = (build("pythia-70m", torch.float32)[1] for _ in range(2))
        for dtype, least in (("float32", 2.7), ("bfloat16", 9.0)):
            ours = Probe(*(LocalEngine.open(str(folder), dtype=dtype) for _ in range(2)))

            def score(ours: Probe = ours) -> int:
                return sum(len(row.target.logprob) for row in ours(passages, scores=SIX) if row.target)

            sides = {
                "peers float32": lambda: peers.six_scores(model, reference, target._tokenizer._tokenizer, passages),
                f"memprobe {dtype}": score,
            }
            rows.append(compare(f"all six scores, pythia-70m, {dtype} against float32", sides, rounds, least=least))
    return rows


def shared_prefix(rounds: int) -> list[Row]:
    """ReCaLL's conditional pass: peers recompute 1,000 tokens for each text (six of them a round), ours for 100."""
    source, model = build("pythia-70m", torch.float32)
    sample = texts(100, source.vocabulary)
    prefix = torch.arange(3, 3 + PREFIX)
    extras, rows = Extras(prefix=tuple(prefix.tolist())), []
    for dtype, least in (("float32", 9.0), ("bfloat16", 24.0)):
        engine = LocalEngine(source, model=_twin("pythia-70m", dtype))
        sides = {
            "recomputing float32": lambda: peers.recall(model, prefix, sample[:REPEATED]),
            f"memprobe {dtype}": lambda engine=engine: _count(engine, sample, extras),
        }
        rows.append(compare(f"ReCaLL, prefix of 1,000, pythia-70m, {dtype}", sides, rounds, least=least))
    return rows


def _count(engine: LocalEngine, sample: list, extras: Extras = NO_EXTRAS) -> int:  # type: ignore[type-arg]
    return sum(len(stats.logprob) for stats in engine.score(sample, extras))  # type: ignore[union-attr]


def _twin(shape: str, dtype: str):  # type: ignore[no-untyped-def]
    """A copy of its own: the engine changes attention and activations of what it runs."""
    return build(shape, getattr(torch, dtype))[1]
