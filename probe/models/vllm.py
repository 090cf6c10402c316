"""The vLLM engine, in process: every statistic is computed inside the worker (vllm_plugin.py).

At start one text is compared with transformers. Where vLLM's pooling route disagrees, its prompt log-probabilities are
tried, which give no moments, and a warning says so; where these disagree too, the model is refused: vLLM loads some
checkpoints wrongly without an error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from probe.data.windows import POLICY, Window, cut
from probe.errors import ModelError
from probe.models.base import NO_EXTRAS, Extras, Identity, Tokenizing, stats_from
from probe.models.load import ALIEN, Source, alien, find
from probe.models.local import LocalEngine
from probe.models.vllm_plugin import COLUMNS
from probe.models.vllm_start import start
from probe.types import Tokens, TokenStats, Unscored

SELF_TEST = "The test compares the mean loss of this sentence, and 3 numbers: 17, 29 and 4096."
TOLERANCE = {"float32": 1e-3, "float16": 2e-2, "bfloat16": 1e-1}  # nats, of the text's loss
_COLUMNS = {"pooling": COLUMNS, "prompt_logprobs": ("logprob", "rank")}  # by route
_OURS = {
    "model", "dtype", "load_format", "max_model_len", "enforce_eager", "runner", "hf_overrides", "trust_remote_code",
}  # fmt: skip
Rows = list[np.ndarray[Any, Any]]


class VllmEngine(Tokenizing):
    """Scores tokens with vLLM. `options` go to vllm.LLM: tensor_parallel_size, quantization ...

    vLLM's data parallelism takes a process per rank: serve the model so, and name the server's address.
    """

    def __init__(self, source: Source, options: Mapping[str, Any] = MappingProxyType({})) -> None:
        """Raises ModelError for options that are memprobe's to set."""
        if taken := sorted(_OURS & options.keys()):
            raise ModelError(f"MEMPROBE_VLLM_OPTIONS: {', '.join(taken)} is set by memprobe; leave it out.")
        self._source, self._options, self._tokenizer = source, dict(options), source.tokenizer
        self._llm: Any = None
        self._route = "pooling"
        self.context = source.context - 1  # the fall-back generates one token
        self.warnings: tuple[str, ...] = source.warnings + source.tokenizer.warnings

    @classmethod
    def open(
        cls, source: str, *, dtype: str | None = None, revision: str | None = None,
        options: Mapping[str, Any] = MappingProxyType({}),
    ) -> VllmEngine:  # fmt: skip
        """Finds a hub id or folder. Raises ModelError."""
        return cls(find(source, dtype=dtype, revision=revision), options)

    @property
    def identity(self) -> Identity:
        source = self._source
        return Identity(
            name=source.name, model=source.hash, tokenizer=source.tokenizer.hash, dtype=source.dtype,
            windows=f"{POLICY}/{self.context}", engine=f"vllm/{self._route}", device=self._device,
            revision=source.revision,
        )  # fmt: skip

    @property
    def _device(self) -> str:
        """Options are part of it, because some of them (quantization, kv_cache_dtype) change the figures."""
        return f"vllm {json.dumps(self._options, sort_keys=True, default=str)}" if self._options else "vllm"

    def load(self) -> None:
        """Starts vLLM and tests it. Raises ModelError."""
        if self._llm is not None:
            return
        reference = LocalEngine(self._source)
        (tokens,) = self.tokenize([SELF_TEST])
        assert isinstance(tokens, Tokens)
        (expected,) = reference.score([tokens])
        if isinstance(expected, Unscored):
            raise ModelError(f"{self._source.name} cannot be tested: {expected.reason}.")
        wrong = self._try("pooling", tokens, expected.loss)
        if wrong is None:
            return
        if again := self._try("prompt_logprobs", tokens, expected.loss):
            raise ModelError(f"vLLM scores {self._source.name} wrongly: {again}. Use the local engine for it.")
        self.warnings += (f"vLLM gives log-probabilities only here ({wrong}), so scores that need moments are missing",)

    def _try(self, route: str, tokens: Tokens, expected: float) -> str | None:
        """Starts vLLM on a route; returns what is wrong with it, after ending it again. Raises ModelError."""
        self._route, self._llm = route, start(self._source, route, self.context, self._options)
        try:
            (found,) = self._score([tokens])
        except (RuntimeError, ValueError, TypeError, AttributeError, IndexError) as error:
            wrong = f"the {route} route fails with {type(error).__name__}"
        else:
            if isinstance(found, TokenStats) and abs(found.loss - expected) <= TOLERANCE[self._source.dtype]:
                return None
            loss = found.reason if isinstance(found, Unscored) else f"a loss of {found.loss:.3f}"
            wrong = f"{loss} instead of {expected:.3f} nats"
        self.close()
        return wrong

    def close(self) -> None:
        """Ends vLLM's processes."""
        if self._llm is not None:
            self._llm.llm_engine.engine_core.shutdown()
            self._llm = None

    def score(self, texts: Sequence[Tokens], extras: Extras = NO_EXTRAS) -> list[TokenStats | Unscored]:
        if extras.columns:
            return [Unscored("the vLLM engine gives no further columns")] * len(texts)
        if not texts:
            return []
        self.load()
        known = [not alien(tokens.ids, self._source.vocabulary) for tokens in texts]  # one such id would end vLLM
        good = [tokens for tokens, keep in zip(texts, known, strict=True) if keep]
        try:
            found = iter(self._score(good, extras.prefix))
        except Exception as error:  # vLLM's own kinds: its processes are gone, or no longer to be trusted
            self.close()
            reason = f"vLLM failed with {type(error).__name__} while it scored these texts; it starts anew for the next"
            return [Unscored(reason)] * len(texts)
        return [next(found) if keep else ALIEN for keep in known]

    def _score(self, texts: Sequence[Tokens], prefix: Sequence[int] = ()) -> list[TokenStats | Unscored]:
        windows = [cut(tokens, self.context, prefix) for tokens in texts]
        flat = [window for group in windows for window in group]
        rows = iter(self._behind(prefix, flat) if len(prefix) and self._route == "pooling" else self._run(flat))
        return [
            stats_from(tokens, _COLUMNS[self._route], [next(rows)[-window.scored :] for window in group])
            for tokens, group in zip(texts, windows, strict=True)
        ]

    def _behind(self, prefix: Sequence[int], windows: Sequence[Window]) -> Rows:
        """Runs windows behind a prefix that vLLM keeps; where it kept more than that, it answers too few rows."""
        self._llm.reset_prefix_cache()
        self._run([Window(np.asarray(prefix, dtype=np.int32), 0)], skip_reading_prefix_cache=False)
        rows = self._run(windows, skip_reading_prefix_cache=False)
        short = [n for n, window in enumerate(windows) if len(rows[n]) < window.scored]
        for number, whole in zip(short, self._run([windows[n] for n in short]), strict=True):
            rows[number] = whole
        return rows

    def _run(self, windows: Sequence[Window], **pooling: Any) -> Rows:
        """Returns [tokens - 1, 4] per window, or [tokens - 1, 2] (logprob, rank) on the fall-back."""
        if not windows:
            return []
        prompts = [{"prompt_token_ids": window.ids.tolist()} for window in windows]
        if self._route == "pooling":
            options = _pooling(use_activation=False, **pooling)
            outputs = self._llm.encode(prompts, options, pooling_task="token_classify", use_tqdm=False)
            return [output.outputs.data.numpy() for output in outputs]
        from vllm import SamplingParams

        outputs = self._llm.generate(prompts, SamplingParams(max_tokens=1, prompt_logprobs=0), use_tqdm=False)
        return [_logprobs(output.prompt_logprobs, window) for output, window in zip(outputs, windows, strict=True)]


def _pooling(**options: Any) -> Any:
    """Returns parameters that all prompts share: vLLM would copy them twice a prompt, a third of its Python time."""
    from vllm import PoolingParams

    class Shared(PoolingParams):  # type: ignore[misc]  # vLLM is absent where types are checked
        def clone(self) -> PoolingParams:
            return self

    return Shared(**options)


def _logprobs(found: Sequence[Any], window: Window) -> np.ndarray[Any, Any]:
    own = [row[token] for row, token in zip(found[1:], window.ids[1:].tolist(), strict=True)]
    return np.array([[entry.logprob, entry.rank - 1] for entry in own], dtype=np.float32)
