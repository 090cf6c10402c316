"""The two sides of a comparison, each in a process of its own: an allocator set up by one must not serve the other.

`python -m benchmarks.sides NAME SHAPE DTYPE` builds one side, then runs it once per line that it reads.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

TEXTS, PREFIX, REPEATED = 64, 1000, 6
SIX = ("loss", "zlib", "lowercase", "mink", "minkpp", "ref")
Run = Callable[[], int]


@contextmanager
def side(name: str, shape: str, dtype: str) -> Iterator[Run]:
    """Starts a side; calling it runs it once and returns the tokens scored."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.sides", name, shape, dtype]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    asks, answers = process.stdin, process.stdout
    assert asks and answers

    def run() -> int:
        asks.write("\n")
        asks.flush()
        return int(answers.readline())

    try:
        yield run
    finally:
        asks.close()
        process.wait(60)
        answers.close()


def _model(shape: str, dtype: str) -> tuple[Any, Any]:
    import torch

    from benchmarks.shapes import build

    return build(shape, getattr(torch, dtype))


def _peers_one_pass(shape: str, dtype: str) -> Run:
    from benchmarks import peers
    from benchmarks.shapes import texts

    source, model = _model(shape, dtype)
    sample = texts(TEXTS, source.vocabulary)
    return lambda: peers.one_pass(model, sample)


def _one_pass(shape: str, dtype: str) -> Run:
    from benchmarks.shapes import scored_tokens, texts

    engine, vocabulary = _engine(shape, dtype)
    sample = texts(TEXTS, vocabulary)
    return lambda: scored_tokens(engine, sample)


def _peers_prefix(shape: str, dtype: str) -> Run:
    import torch

    from benchmarks import peers
    from benchmarks.shapes import texts

    source, model = _model(shape, dtype)
    every = sorted(texts(100, source.vocabulary), key=lambda tokens: len(tokens.ids))
    sample = every[len(every) // (2 * REPEATED) :: len(every) // REPEATED][:REPEATED]  # as long in the mean as all
    return lambda: peers.recall(model, torch.arange(3, 3 + PREFIX), sample)


def _prefix(shape: str, dtype: str) -> Run:
    from benchmarks.shapes import scored_tokens, texts
    from probe.models.base import Extras

    engine, vocabulary = _engine(shape, dtype)
    sample, extras = texts(100, vocabulary), Extras(prefix=tuple(range(3, 3 + PREFIX)))
    return lambda: scored_tokens(engine, sample, extras)


def _peers_six(shape: str, dtype: str) -> Run:
    from transformers import AutoTokenizer

    from benchmarks import material, peers

    target, reference = (_model(shape, dtype)[1] for _ in range(2))
    tokenizer = AutoTokenizer.from_pretrained(material.DATA / "tokenizers" / material.TOKENIZERS[shape])
    passages = material.passages(TEXTS)
    return lambda: peers.six_scores(target, reference, tokenizer, passages)


def _six(shape: str, dtype: str) -> Run:
    from benchmarks import material
    from probe.models.local import LocalEngine
    from probe.pipeline import Probe

    passages = material.passages(TEXTS)
    with TemporaryDirectory() as name:
        folder = str(material.save(shape, Path(name)))
        probe = Probe(*(LocalEngine.open(folder, dtype=dtype) for _ in range(2)))
        probe.load()
    return lambda: sum(len(row.target.logprob) for row in probe(passages, scores=SIX) if row.target)


def _engine(shape: str, dtype: str) -> tuple[Any, int]:
    from probe.models.local import LocalEngine

    source, model = _model(shape, dtype)
    return LocalEngine(source, model=model), source.vocabulary


_SIDES: dict[str, Callable[[str, str], Run]] = {
    "peers one pass": _peers_one_pass, "memprobe one pass": _one_pass, "peers prefix": _peers_prefix,
    "memprobe prefix": _prefix, "peers six": _peers_six, "memprobe six": _six,
}  # fmt: skip


def main() -> None:
    run = _SIDES[sys.argv[1]](*sys.argv[2:])
    for _ in sys.stdin:
        print(run(), flush=True)


if __name__ == "__main__":
    main()
