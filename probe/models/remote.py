"""The remote engine: any OpenAI-compatible server that returns the log-probabilities of a prompt's tokens.

Two dialects are known: `prompt_logprobs` (vLLM: log-probability and rank) and `echo` with `logprobs` (SGLang, llama.cpp
and others: log-probability, and whether the token was the likeliest). Neither gives full-vocabulary moments, so the
scores that need them say so. Tokens are made here, by the model's own tokenizer, and sent as ids.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any
from urllib.parse import urldefrag

import httpx2
import numpy as np

from probe.data.windows import POLICY, Window, cut
from probe.errors import ModelError
from probe.models.base import NO_EXTRAS, Engine, Extras, Identity
from probe.models.tokens import Tokenizer, open_tokenizer
from probe.types import Tokens, TokenStats, Unscored

TRIES = 4
_BACKOFF = 0.5  # seconds, doubled after each try
_AGAIN = frozenset((408, 429, 500, 502, 503, 504))
_CONTEXT = 2048  # where the server does not say
Columns = tuple[list[float], list[int]]  # log-probabilities and ranks of all tokens of a window but the first


@dataclass(frozen=True, slots=True)
class Dialect:
    """How prompt log-probabilities are asked for."""

    name: str
    options: dict[str, Any]


_DIALECTS = (
    Dialect("prompt_logprobs", {"prompt_logprobs": 0, "max_tokens": 1, "temperature": 0}),
    Dialect("echo", {"echo": True, "logprobs": 1, "max_tokens": 1, "temperature": 0}),
)


class RemoteEngine:
    """Scores tokens on a server; `address` is the base of its API, and #ID behind it picks one of several models."""

    def __init__(
        self, address: str, tokenizer: str | None = None, *, key: str | None = None, concurrency: int = 16,
        timeout: float = 120.0,
    ) -> None:  # fmt: skip
        """tokenizer: hub id or folder; the served model's id where none is named. Raises ModelError."""
        base, self._wanted = urldefrag(address)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._connect = partial(httpx2.Client, base_url=base.rstrip("/") + "/", headers=headers, timeout=timeout)
        self._address, self._concurrency = base, concurrency
        self._card = self._find_model()
        self._tokenizer: Tokenizer = open_tokenizer(tokenizer or self._card["id"])
        self.warnings = self._tokenizer.warnings
        self.context = int(self._card.get("max_model_len") or _CONTEXT) - 1  # one token is always generated

    @cached_property
    def identity(self) -> Identity:
        name = str(self._card["id"])
        return Identity(
            name=name, model=f"remote:{self._address}#{name}", tokenizer=self._tokenizer.hash, dtype="unknown",
            windows=f"{POLICY}/{self.context}", engine=f"remote/{self._dialect.name}", device="remote",
        )  # fmt: skip

    @cached_property
    def _dialect(self) -> Dialect:
        """The first dialect that the server answers with log-probabilities."""
        refusals = []
        with self._connect() as client:
            for dialect in _DIALECTS:
                try:
                    self._ask(client, dialect, Window(np.array([1, 2, 3], dtype=np.int32), 2))
                    return dialect
                except ModelError as error:
                    refusals.append(f"{dialect.name}: {error}")
        raise ModelError(
            f"{self._address} gives no log-probabilities of prompts ({'; '.join(refusals)}). Serve the model with "
            "vllm, or name a target that memprobe can load itself."
        )

    def load(self) -> None:
        """Finds out the dialect. Raises ModelError."""
        assert self._dialect

    def tokenize(self, texts: Sequence[str]) -> list[Tokens | Unscored]:
        return self._tokenizer(texts)

    def same_tokenizer(self, other: Engine) -> bool:
        return self.identity.tokenizer == other.identity.tokenizer

    def score(self, texts: Sequence[Tokens], extras: Extras = NO_EXTRAS) -> list[TokenStats | Unscored]:
        if extras != NO_EXTRAS:
            return [Unscored("a remote server gives no further columns")] * len(texts)
        if not texts:
            return []
        self.load()
        with self._connect() as client, ThreadPoolExecutor(self._concurrency) as pool:
            return list(pool.map(partial(self._text, client), texts))

    def _text(self, client: httpx2.Client, tokens: Tokens) -> TokenStats | Unscored:
        logprob: list[float] = []
        rank: list[int] = []
        windows = cut(tokens, self.context)
        for window in windows:
            try:
                values, ranks = self._ask(client, self._dialect, window)
            except ModelError as error:
                return Unscored(str(error))
            logprob += values[-window.scored :]
            rank += ranks[-window.scored :]
        values32 = np.asarray(logprob, dtype=np.float32)
        if not np.isfinite(values32).all():
            return Unscored("the server gives no finite probability for some token")
        return TokenStats(tokens, values32, np.asarray(rank, dtype=np.int32), windows=len(windows))

    def _ask(self, client: httpx2.Client, dialect: Dialect, window: Window) -> Columns:
        body = {"model": self._card["id"], "prompt": window.ids.tolist(), **dialect.options}
        choice = self._send(client, "POST", "completions", body)["choices"][0]
        try:
            columns = _prompt_logprobs(choice, window) if dialect.name == "prompt_logprobs" else _echo(choice, window)
        except (KeyError, TypeError, IndexError, ValueError) as error:
            raise ModelError(f"the server's answer holds no {dialect.name}") from error
        if len(columns[0]) != len(window.ids) - 1:
            raise ModelError(f"the server answered for {len(columns[0])} of {len(window.ids) - 1} tokens")
        return columns

    def _send(self, client: httpx2.Client, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Sends with retries. Raises ModelError without any text of the caller's in it."""
        reason = ""
        for attempt in range(TRIES):
            if attempt:
                time.sleep(_BACKOFF * 2 ** (attempt - 1))
            try:
                answer = client.request(method, path, json=body)
            except httpx2.TransportError as error:
                reason = type(error).__name__
                continue
            if answer.status_code < 400:
                return answer.json()
            reason = f"status {answer.status_code}"
            if answer.status_code not in _AGAIN:
                break
        raise ModelError(f"the server at {self._address} failed: {reason}; is it up, and is this its API's base?")

    def _find_model(self) -> dict[str, Any]:
        with self._connect() as client:
            cards = self._send(client, "GET", "models")["data"]
        names = [str(card["id"]) for card in cards]
        if self._wanted and self._wanted not in names:
            raise ModelError(f"{self._address} serves {', '.join(names)}, not {self._wanted}.")
        found: dict[str, Any] = cards[names.index(self._wanted) if self._wanted else 0]
        return found


def _prompt_logprobs(choice: dict[str, Any], window: Window) -> Columns:
    rows = choice["prompt_logprobs"][1 : len(window.ids)]
    own = [row[str(token)] for row, token in zip(rows, window.ids[1:].tolist(), strict=True)]
    return [float(entry["logprob"]) for entry in own], [int(entry["rank"]) - 1 for entry in own]


def _echo(choice: dict[str, Any], window: Window) -> Columns:
    """The rank is 0 for the likeliest token and 1, meaning at least 1, for any other."""
    found = choice["logprobs"]
    values = [float(value) for value in found["token_logprobs"][1 : len(window.ids)]]
    best = [max(row.values()) for row in found["top_logprobs"][1 : len(window.ids)]]
    return values, [int(value < top) for value, top in zip(values, best, strict=True)]
