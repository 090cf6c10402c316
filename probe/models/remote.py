"""The remote engine: any OpenAI-compatible server that returns the log-probabilities of a prompt's tokens.

How these are asked for differs between servers (dialects.py); the first dialect that a server answers is used. Only
vLLM with memprobe's plugin gives full-vocabulary moments; elsewhere the scores that need them say so. Tokens are made
here, by the model's own tokenizer, and sent as ids; a server that cuts text into others is refused.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from hashlib import sha256
from typing import Any
from urllib.parse import urldefrag

import httpx2
import numpy as np

from probe.data.windows import POLICY, Window, cut
from probe.errors import ModelError
from probe.models.base import NO_EXTRAS, Extras, Identity, Tokenizing, stats_from
from probe.models.dialects import DIALECTS, Dialect
from probe.models.tokens import CANARY, Tokenizer, open_tokenizer
from probe.types import Floats, Tokens, TokenStats, Unscored

TRIES, GIVE_UP = 4, 32  # of one request; texts in a row after which the rest of a call is not asked any more
_BACKOFF = 0.5  # seconds, doubled after each try
AGAIN = frozenset((408, 429, 500, 502, 503, 504))
_DISCOVERY = 10.0  # seconds: a list of models takes no time
_REMEDY = "is it up, and is this its API's base?"
_REMEDIES = {
    "status 401": "name its key in MEMPROBE_REMOTE_KEY.", "status 403": "name its key in MEMPROBE_REMOTE_KEY.",
    "status 404": "is this its API's base? It mostly ends in /v1.",
    "status 429": "it limits requests: lower MEMPROBE_REMOTE_CONCURRENCY.",
    "ReadTimeout": "it accepts requests and does not answer in time: is it overloaded, or still loading?",
}  # fmt: skip
DRIPPING = 2  # time-outs that one answer may take in all
_SHORTEST = 8  # tokens of a context that windows can be cut for
_CONTEXT = 2048  # where the server does not say


class RemoteEngine(Tokenizing):
    """Scores tokens on a server; `address` is the base of its API, and #ID behind it picks one of several models."""

    def __init__(
        self, address: str, tokenizer: str | None = None, *, key: str | None = None, concurrency: int = 16,
        timeout: float = 120.0,
    ) -> None:  # fmt: skip
        """tokenizer: hub id or folder; the served model's id where none is named. Raises ModelError."""
        base, self._wanted = urldefrag(address)
        _check_address(base, key)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._connect = partial(httpx2.Client, base_url=base.rstrip("/") + "/", headers=headers, timeout=timeout)
        self._address, self._concurrency, self._timeout = base, concurrency, timeout
        self._root = base.rstrip("/").removesuffix("/v1")  # where a server keeps what is not OpenAI's
        self._failed = 0  # texts in a row
        self._card = self._find_model()
        self._tokenizer: Tokenizer = open_tokenizer(tokenizer or self._card["id"])
        self.warnings = self._tokenizer.warnings
        self.context = _context(self._card) - 1  # one token is always generated

    @cached_property
    def identity(self) -> Identity:
        name = str(self._card["id"])
        return Identity(
            name=name, model=f"remote:{self._address}#{name}", tokenizer=self._tokenizer.hash, dtype="unknown",
            windows=f"{POLICY}/{self.context}", engine=f"remote/{self._dialect.name}", device=f"remote/{self._weights}",
        )  # fmt: skip

    @cached_property
    def _dialect(self) -> Dialect:
        """The first dialect that the server answers with log-probabilities."""
        refusals = []
        with self._connect() as client:
            client.timeout = min(_DISCOVERY, self._timeout)
            for dialect in DIALECTS:
                try:
                    self._ask(client, dialect, Window(np.array([1, 2, 3], dtype=np.int32), 2))
                except ModelError as error:
                    refusals.append(f"{dialect.name}: {error}")
                    continue
                self._compare_tokenizers(client)
                return dialect
        raise ModelError(
            f"{self._address} gives no log-probabilities of prompts ({'; '.join(refusals)}). Serve the model with "
            "vLLM or SGLang, or name a target that memprobe can load itself."
        )

    @cached_property
    def _weights(self) -> str:
        """What a fixed sentence scores, hashed: an address may serve other weights today than it did."""
        (tokens,) = self._tokenizer([CANARY])
        assert isinstance(tokens, Tokens)
        with self._connect() as client:
            rows = self._ask(client, self._dialect, cut(tokens, self.context)[0])
        return sha256(np.round(rows, 3).astype("<f4").tobytes()).hexdigest()[:16]

    def load(self) -> None:
        """Finds out the dialect. Raises ModelError."""
        assert self._dialect

    def score(self, texts: Sequence[Tokens], extras: Extras = NO_EXTRAS) -> list[TokenStats | Unscored]:
        if extras.columns:
            return [Unscored("a remote server gives no further columns")] * len(texts)
        if not texts:
            return []
        self.load()
        self._failed = 0
        with self._connect() as client, ThreadPoolExecutor(self._concurrency) as pool:
            return list(pool.map(partial(self._text, client, extras.prefix), texts))

    def _text(self, client: httpx2.Client, prefix: Sequence[int], tokens: Tokens) -> TokenStats | Unscored:
        windows = cut(tokens, self.context, prefix)
        if self._failed >= GIVE_UP:
            return Unscored(f"not asked: the server failed {GIVE_UP} texts in a row")
        try:
            rows = [self._ask(client, self._dialect, window)[-window.scored :] for window in windows]
        except ModelError as error:
            self._failed += 1
            return Unscored(str(error))
        self._failed = 0
        return stats_from(tokens, self._dialect.columns, rows)

    def _ask(self, client: httpx2.Client, dialect: Dialect, window: Window) -> Floats:
        """Returns [tokens - 1, columns of the dialect]. Raises ModelError."""
        ids = window.ids.tolist()
        return dialect.read(self._send(client, "POST", dialect.path, dialect.ask(self._card["id"], ids)), ids)

    def _compare_tokenizers(self, client: httpx2.Client) -> None:
        """Raises ModelError where the server says that its tokenizer is another; not every server says anything."""
        (tokens,) = self._tokenizer([CANARY])
        assert isinstance(tokens, Tokens)
        body = {"model": self._card["id"], "prompt": CANARY, "add_special_tokens": False}
        try:
            theirs = self._send(client, "POST", "/tokenize", body)["tokens"]
        except (ModelError, KeyError, TypeError):
            return
        if theirs and theirs != tokens.ids[int(tokens.has_bos) :].tolist():
            raise ModelError(
                f"{self._address} cuts text into other tokens than the tokenizer used here: name the served model's "
                "own in MEMPROBE_TOKENIZER."
            )

    def _send(self, client: httpx2.Client, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Sends with retries. Raises ModelError without any text of the caller's in it."""
        address = self._root + path if path.startswith("/") else path
        reason = ""
        for attempt in range(TRIES):
            if attempt:
                time.sleep(_BACKOFF * 2 ** (attempt - 1))
            try:
                status, content = self._read(client, method, address, body)
            except httpx2.RequestError as error:
                reason = type(error).__name__
                continue
            reason = f"status {status}"
            if status < 400:
                try:
                    return json.loads(content)
                except ValueError:
                    reason = "its answer is no JSON"
            if status not in AGAIN:
                break
        raise ModelError(f"the server at {self._address} failed: {reason}; {_REMEDIES.get(reason, _REMEDY)}")

    def _read(self, client: httpx2.Client, method: str, address: str, body: Any) -> tuple[int, bytes]:
        """Returns status and content. The client's time-out is of each read: a server that drips would never end."""
        begin, parts = time.monotonic(), []
        with client.stream(method, address, json=body) as answer:
            for part in answer.iter_bytes():
                parts.append(part)
                if time.monotonic() - begin > DRIPPING * self._timeout:
                    raise httpx2.ReadTimeout("the answer does not end", request=answer.request)
            return answer.status_code, b"".join(parts)

    def _find_model(self) -> dict[str, Any]:
        with self._connect() as client:
            client.timeout = min(_DISCOVERY, self._timeout)
            answer = self._send(client, "GET", "models")
        try:
            cards: dict[str, dict[str, Any]] = {str(card["id"]): card for card in answer["data"]}
            wanted = self._wanted or next(iter(cards))
        except (KeyError, TypeError, StopIteration):
            raise ModelError(f"{self._address} lists no models: is this its API's base?") from None
        if wanted not in cards:
            raise ModelError(f"{self._address} serves {', '.join(cards)}, not {wanted}.")
        return cards[wanted]


def _context(card: dict[str, Any]) -> int:
    """Returns the context that a server states. Raises ModelError for what is none."""
    stated = card.get("max_model_len")
    if stated is None:
        return _CONTEXT
    if not isinstance(stated, int) or isinstance(stated, bool) or stated < _SHORTEST:
        raise ModelError(f"The server states a max_model_len of {stated!r:.40}: set a sane one there.")
    return stated


def _check_address(base: str, key: str | None) -> None:
    """Raises ModelError for what no request can be sent to, or with."""
    try:
        httpx2.URL(base)
    except httpx2.InvalidURL as error:
        raise ModelError(f"{base} is no address ({error}): write http://HOST:PORT/v1.") from error
    if key and not key.isascii():
        raise ModelError("The bearer key (MEMPROBE_REMOTE_KEY) holds letters beyond ASCII, which no header can carry.")
