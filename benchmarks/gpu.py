"""On an NVIDIA GPU: a 1B Llama shape in bfloat16; tokens/s, share of the matmul rate, memory; and the kernel that reads
logits once, against what the memory gives.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable

import torch

from benchmarks import limits, peers
from benchmarks.measure import Row, compare, verdict
from benchmarks.shapes import build, scored_tokens, texts
from probe.models.cuda import blocks_of
from probe.models.local import LocalEngine

SHAPE, TEXTS = "llama-1b", 256
LEAST, LEAST_KERNEL = 50, 80  # % of the matmul rate end to end, and of the bandwidth
_ROWS, _WORDS, _RUNS = 2048, 128_256, 30  # of the logits


def rows(rounds: int) -> list[Row]:
    if not torch.cuda.is_available():
        print("gpu is left out: there is no NVIDIA GPU here", file=sys.stderr)
        return []
    source, model = build(SHAPE, torch.bfloat16)
    sample, model = texts(TEXTS, source.vocabulary), model.to("cuda")
    engine = LocalEngine(source, model=model)

    sides = {"peers": lambda: peers.one_pass(model, sample[:32]), "memprobe": lambda: scored_tokens(engine, sample)}
    row = compare(f"one target pass, {SHAPE} bfloat16", sides, rounds, limit=limits.tokens(model), least_share=LEAST)
    memory = torch.cuda.max_memory_allocated() / 2**20
    return [row, Row(f"peak GPU memory, {SHAPE} bfloat16", {"both sides": memory}, "MB"), _kernel()]


def _kernel() -> Row:
    """Raises RuntimeError where the device does not run it."""
    device = torch.device("cuda")
    found = blocks_of(device)
    if found is None:
        raise RuntimeError("Triton's kernels do not run here, or do not say what torch says")
    logits = torch.randn(_ROWS, _WORDS, dtype=torch.bfloat16, device=device)
    targets, other = torch.randint(_WORDS, (_ROWS,), device=device), torch.empty_like(logits)
    size = logits.numel() * logits.element_size() / 1e9
    copied = 2 * size / _seconds(lambda: other.copy_(logits))  # read and written
    read = size / _seconds(lambda: found.of_logits(logits, targets))
    share = read / copied
    bar = verdict(100 * share, LEAST_KERNEL, unit="% of the bandwidth")
    what = f"statistics of logits {_ROWS:,} x {_WORDS:,}, bfloat16"
    return Row(what, {"copy": copied, "memprobe": read}, "GB/s", share, share, share, bar=bar)


def _seconds(work: Callable[[], object]) -> float:
    """Returns the median time of a call on the device."""
    seconds = []
    for _ in range(_RUNS):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        work()
        end.record()
        torch.cuda.synchronize()
        seconds.append(begin.elapsed_time(end) / 1000)
    return statistics.median(seconds[_RUNS // 5 :])
