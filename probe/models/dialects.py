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
_ROUNDING, _HALF_PRECISION = 1e-3, 0.05  # of a server's values; and of those that it computes in 16 bits
_HALF = -float(np.log(2))
_MOST_RANKS = 2**24  # no vocabulary is larger, and float32 counts no further
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
        """Returns float32 [tokens - 1, columns]. Raises ModelError."""
        try:
            table = _numbers(self.answer(answer, ids)).reshape(-1, len(self.columns))
        except (KeyError, TypeError, IndexError, ValueError, AttributeError, OverflowError) as error:
            raise ModelError(f"the server's answer holds no {self.name}") from error
        if len(table) != len(ids) - 1:
            raise ModelError(f"the server answered for {len(table)} of {len(ids) - 1} tokens")
        columns = dict(zip(self.columns, table.T, strict=True))
        if not (np.isfinite(table).all() and (columns["logprob"] > _NEVER).all()):
            raise ModelError("the server gives no finite probability for some token")
        if not _possible(columns):
            raise ModelError(f"the server's answer is not what {self.name} means here: no model gives such values")
        return table


def _numbers(found: Any) -> Floats:
    """Raises ValueError for what is no table of numbers; infinity for what float32 does not hold."""
    table = np.asarray(found)
    if table.dtype.kind not in "fiu":
        raise ValueError("no numbers")
    with np.errstate(over="ignore"):
        return table.astype(np.float32)


def _possible(columns: dict[str, Floats]) -> bool:
    """A token of rank r has r likelier ones, which leaves it at most 1 / (r + 1) of the probability."""
    rank, logprob = columns["rank"], columns["logprob"]
    return bool(
        (logprob <= _ROUNDING).all()
        and (columns.get("mu", logprob) <= _ROUNDING).all()
        and (columns.get("sigma", rank) >= 0).all()
        and ((rank >= 0) & (rank < _MOST_RANKS) & (rank == np.round(rank))).all()
        and ((rank == 0) | (logprob <= _HALF_PRECISION - np.log1p(rank))).all()
    )


def _beaten(value: float, best: float) -> int:
    """1, meaning at least 1, for a token that is not the likeliest. One of more than half of the probability is: there
    a small difference is rounding. Raises ValueError where the best is none."""
    if not value <= best + _ROUNDING:
        raise ValueError("the likeliest token is less likely")
    return int(value < best - (_ROUNDING if value > _HALF else 0.0))


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
    return [(value, _beaten(value, best[0][0])) for (value, *_), best in zip(own, top, strict=True)]


def _echo(answer: Any, ids: Ids) -> list[tuple[float, int]]:
    """The last row may be of a generated token; only the server's count tells that from a first one put before."""
    found, usage = answer["choices"][0]["logprobs"], answer.get("usage") or {}
    first, *rest = found["token_logprobs"]
    if first is not None or len(rest) not in (len(ids) - 1, len(ids)):  # another first token shifts all behind it
        raise ValueError("other tokens than were sent")
    generated = len(rest) == len(ids)
    counted = usage.get("prompt_tokens", None if generated else len(ids))
    if counted != len(ids) or (generated and usage.get("completion_tokens") == 0):
        raise ModelError(f"the server does not say that it scored the {len(ids)} tokens sent, and no other before them")
    values, top = rest[: len(ids) - 1], found["top_logprobs"][1 : len(ids)]
    return [(value, _beaten(value, max(row.values()))) for value, row in zip(values, top, strict=True)]


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
