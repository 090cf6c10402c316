"""The service under 32 clients against the library, and scores from a warm cache."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import Request, urlopen

from benchmarks import material
from benchmarks.measure import Row, compare, verdict
from probe import open_probe
from probe.config import Settings
from probe.models.cache import CachedEngine
from probe.models.local import LocalEngine
from probe.pipeline import Probe
from probe.scores import TABLE
from probe.types import Tokens
from tests.system.conftest import started

CLIENTS, TEXTS, WARM, WARM_SECONDS = 32, 128, 10_000, 3.0
_WORDS, _CACHED_WORDS, _CACHED_TOKENS = 96, 91, 128  # 96 words of English are about 128 tokens of a large vocabulary


def under_load(rounds: int) -> list[Row]:
    """32 clients, one text a request, no cache, against one call with all texts in this process."""
    passages = material.passages(TEXTS, _WORDS)
    with TemporaryDirectory() as name:
        folder = material.save("pythia-70m", Path(name) / "model")
        offline = Probe(LocalEngine.open(str(folder)))
        tokens = sum(len(row.target.logprob) for row in offline(passages) if row.target)
        with started(Path(name), "--target", str(folder), MEMPROBE_CACHE_BYTES="0") as running:
            sides = {
                "library": lambda: len(offline(passages)) and tokens,
                "service": lambda: _ask(running.base, passages, tokens),
            }
            row = compare("/v1/probe, 32 clients, pythia-70m float32, 128 tokens a text", sides, rounds, least=0.9)
    return [row]


def _ask(base: str, passages: list[str], tokens: int) -> int:
    with urlopen(f"{base}/v1/models", timeout=60) as answer:
        model = json.load(answer)["data"][0]["id"]

    def one(text: str) -> int:
        body = json.dumps({"model": model, "input": text}).encode()
        request = Request(f"{base}/v1/probe", body, {"Content-Type": "application/json"})
        with urlopen(request, timeout=300) as answer:
            return int(json.load(answer)["results"][0]["error"] is None)

    with ThreadPoolExecutor(CLIENTS) as pool:
        if sum(pool.map(one, passages)) != len(passages):
            raise SystemExit("the service could not score some text")
    return tokens


def warm_cache(rounds: int) -> list[Row]:
    """Scores of cached texts: tokens, cache and formulas; with a calibration, verdicts too. No weights are read."""
    with TemporaryDirectory() as name:
        settings, ten = (
            Settings(home=Path(name), cache_bytes=1 << 32),
            [key for key, method in TABLE.items() if method.passes == 1],
        )
        passages = _of_length(open_probe(settings=settings))
        open_probe(settings=settings)(passages, scores=ten)
        rows = []
        for label, calibrated in (("scores", False), ("scores and verdicts", True)):
            seconds = []
            for _ in range(rounds):
                probe = open_probe(settings=settings)
                if not calibrated:
                    probe.calibration = None
                begin = time.perf_counter()
                found = probe(passages, scores=ten)
                seconds.append(time.perf_counter() - begin)
                _unloaded(probe)
            median = sorted(seconds)[len(seconds) // 2]
            mean = sum(len(row.target.logprob) for row in found if row.target) / len(found)
            what = f"{len(ten)} {label} of {len(found):,} cached texts of {mean:.0f} tokens"
            bar = "" if calibrated else verdict(median, most=WARM_SECONDS, unit=" s")
            rows.append(Row(what, {"memprobe": median}, "s", bar=bar))
    return rows


def _of_length(probe: Probe) -> list[str]:
    """Returns passages, each cut after as many tokens of the target."""
    passages = material.passages(WARM, _CACHED_WORDS)
    found = zip(passages, probe.target.tokenize(passages), strict=True)
    return [text[: tokens.end[:_CACHED_TOKENS][-1]] for text, tokens in found if isinstance(tokens, Tokens)]


def _unloaded(probe: Probe) -> None:
    for engine in (probe.target, probe.reference):
        inner = engine._engine if isinstance(engine, CachedEngine) else engine
        if getattr(inner, "_model", None) is not None:
            raise SystemExit("a model was loaded although all texts were cached")
