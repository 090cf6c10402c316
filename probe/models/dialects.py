"""The ways in which servers say what they think of a prompt's tokens: how to ask, and how to read the answer.

    pooling           vLLM with memprobe's plugin   logprob, mu, sigma, rank
    prompt_logprobs   vLLM                          logprob, rank
    generate          SGLang's own endpoint         logprob, and whether the token was the likeliest
    echo              OpenAI's completions of old   the same

Every answer is checked before it is believed: one row per token but the first, and values that these columns can have.
So a server that ignores the question, or pools something else, is refused.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from probe.errors import ModelError
from probe.models.vllm_plugin import COLUMNS
from probe.types import Floats

_LOGPROB_RANK = ("logprob", "rank")
_NEVER = -9999.0  # what vLLM writes for the logarithm of 0
_ROUNDING = 1e-3
Ids = list[int]


@dataclass(frozen=True, slots=True)
class Dialect:
    """path: under the API's base, or beside its /v1 where it begins with a slash."""

    name: str
    path: str
    columns: tuple[str, ...]
    ask: Callable[[str, Ids], dict[str, Any]]
    answer: Callable[[Any, Ids], Any]

    def read(self, answer: Any, ids: Ids) -> Floats:
        """Returns [tokens - 1, columns]; ranks are exact in float32 up to 2^24. Raises ModelError."""
        try:
            table = np.asarray(self.answer(answer, ids), dtype=np.float32).reshape(-1, len(self.columns))
        except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
            raise ModelError(f"the server's answer holds no {self.name}") from error
        if len(table) != len(ids) - 1:
            raise ModelError(f"the server answered for {len(table)} of {len(ids) - 1} tokens")
        columns = dict(zip(self.columns, table.T, strict=True))
        if not (np.isfinite(table).all() and (columns["logprob"] > _NEVER).all()):
            raise ModelError("the server gives no finite probability for some token")
        if not _possible(columns):
            raise ModelError(f"the server's answer is not what {self.name} means here: a foreign pooling model?")
        return table


def _possible(columns: dict[str, Floats]) -> bool:
    rank = columns["rank"]
    below = [columns[name] for name in ("logprob", "mu") if name in columns]
    return bool(
        all((values <= _ROUNDING).all() for values in below)
        and (columns.get("sigma", rank) >= 0).all()
        and (rank >= 0).all()
        and (rank == np.round(rank)).all()
    )


def _pooling(answer: Any, ids: Ids) -> Floats:
    return np.frombuffer(b64decode(answer["data"][0]["data"], validate=True), dtype="<f4")


def _prompt_logprobs(answer: Any, ids: Ids) -> list[tuple[float, int]]:
    rows = answer["choices"][0]["prompt_logprobs"][1:]
    own = [row[str(token)] for row, token in zip(rows, ids[1:], strict=True)]
    return [(entry["logprob"], entry["rank"] - 1) for entry in own]


def _generate(answer: Any, ids: Ids) -> list[tuple[float, int]]:
    found = answer["meta_info"]
    own, top = found["input_token_logprobs"][1:], found["input_top_logprobs"][1:]
    if [token for _, token, *_ in own] != ids[1:]:
        raise ValueError("other tokens than were sent")
    return [(value, int(value < best[0][0])) for (value, *_), best in zip(own, top, strict=True)]


def _echo(answer: Any, ids: Ids) -> list[tuple[float, int]]:
    """The rank is 0 for the likeliest token and 1, meaning at least 1, for any other. The last row was generated."""
    found = answer["choices"][0]["logprobs"]
    first, *rest = found["token_logprobs"]
    if first is not None or len(rest) not in (len(ids) - 1, len(ids)):  # another first token shifts all behind it
        raise ValueError("other tokens than were sent")
    values, top = rest[: len(ids) - 1], found["top_logprobs"][1 : len(ids)]
    return [(value, int(value < max(row.values()))) for value, row in zip(values, top, strict=True)]


def _completion(**options: Any) -> Callable[[str, Ids], dict[str, Any]]:
    return lambda model, ids: {"model": model, "prompt": ids, "max_tokens": 1, "temperature": 0, **options}


def _ask_pooling(model: str, ids: Ids) -> dict[str, Any]:
    return {
        "model": model, "input": ids, "task": "token_classify", "use_activation": False,
        "encoding_format": "base64", "embed_dtype": "float32", "endianness": "little",
    }  # fmt: skip


def _ask_generate(model: str, ids: Ids) -> dict[str, Any]:
    return {
        "input_ids": ids, "sampling_params": {"max_new_tokens": 1, "temperature": 0},
        "return_logprob": True, "logprob_start_len": 0, "top_logprobs_num": 1,
    }  # fmt: skip


# the best first: the first that a server answers is used
DIALECTS = (
    Dialect("pooling", "/pooling", COLUMNS, _ask_pooling, _pooling),
    Dialect("prompt_logprobs", "completions", _LOGPROB_RANK, _completion(prompt_logprobs=0), _prompt_logprobs),
    Dialect("generate", "/generate", _LOGPROB_RANK, _ask_generate, _generate),
    Dialect("echo", "completions", _LOGPROB_RANK, _completion(echo=True, logprobs=1), _echo),
)
