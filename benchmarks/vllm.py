"""vLLM with memprobe's plugin against its own prompt log-probabilities: python -m benchmarks.vllm, where vLLM is.

Both sides run the same Llama of 52M parameters with random weights. "Python per token" is the processor time of this
process: the model runs in another one.
"""

from __future__ import annotations

import argparse
import statistics
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks.measure import Row, compare, verdict, write
from benchmarks.shapes import scored_tokens, texts
from probe.models.vllm import VllmEngine
from probe.models.vllm_start import start
from tests.tiny import ASSETS

TEXTS, MICROSECONDS = 200, 2.0
_LLAMA = {
    "vocab_size": 32000, "hidden_size": 512, "intermediate_size": 1408, "num_hidden_layers": 6,
    "num_attention_heads": 8, "num_key_value_heads": 8, "max_position_embeddings": 1024,
}  # fmt: skip
LEAST = {"float32": 0.93, "bfloat16": 1.0}


def save(folder: Path) -> Path:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(AutoConfig.for_model("llama", **_LLAMA)).save_pretrained(folder)
    AutoTokenizer.from_pretrained(ASSETS / "target").save_pretrained(folder)
    return folder


def rows(folder: Path, dtype: str, rounds: int) -> list[Row]:
    engine, peer = (VllmEngine.open(str(folder), dtype=dtype) for _ in range(2))
    engine.load()
    peer._route, peer._llm = "prompt_logprobs", start(peer._source, "prompt_logprobs", peer.context, {})
    sample = texts(TEXTS, _LLAMA["vocab_size"])
    spent: dict[str, list[float]] = {"prompt_logprobs": [], "plugin": []}

    def run(label: str, one: VllmEngine) -> int:
        begin = time.process_time()
        tokens = scored_tokens(one, sample)
        spent[label].append(1e6 * (time.process_time() - begin) / tokens)
        return tokens

    sides = {"prompt_logprobs": partial(run, "prompt_logprobs", peer), "plugin": partial(run, "plugin", engine)}
    found = compare(f"vLLM, Llama 52M {dtype}", sides, rounds, least=LEAST[dtype])
    medians = {label: statistics.median(values[1:]) for label, values in spent.items()}
    bar = verdict(medians["plugin"], most=MICROSECONDS, unit=" us")
    engine.close()
    peer.close()
    return [found, Row(f"Python per token, Llama 52M {dtype}", medians, "us", bar=bar)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = save(Path(name))
        found = [row for dtype in LEAST for row in rows(folder, dtype, arguments.rounds)]
    write("vllm", found, threads=1, torch=torch.__version__)


if __name__ == "__main__":
    main()
