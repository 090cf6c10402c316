"""The remote engine: any OpenAI-compatible server that returns the log-probabilities of a prompt's tokens.

How these are asked for differs between servers (dialects.py); the first dialect that a server answers is used. Only
vLLM with memprobe's plugin gives full-vocabulary moments; elsewhere the scores that need them say so. Tokens are made
here, by the model's own tokenizer, and sent as ids; a server that cuts text into others is refused.

The weights cannot be read, and may be exchanged while the engine is open. So a fixed sentence, scored when it is
opened, is scored again behind the texts of a call, before any of their scores is returned. What stays unnoticed: other
weights within _SURE seconds of the last time, in a small call that met no failure; weights that came and went again
within one call; and weights under which the sentence's tokens move by no more than _NOISE.
"""

from __future__ import annotations

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
from probe.models.served import context_of, served
from probe.models.tokens import CANARY, Tokenizer, open_tokenizer
from probe.models.wire import GIVE_UP, Wire, fault
from probe.types import Floats, Tokens, TokenStats, Unscored
from probe.wanted import Ask, asked

_DISCOVERY = 10.0  # seconds: a list of models takes no time
_SURE, _SMALL = 2.0, 8  # seconds, and texts of a call that are not worth a check of their own within them
_NOISE = 0.03  # mean over tokens, by which one model's log-probabilities may differ between busy and idle hours
_CHECKS = 3  # times that the fixed sentence is asked before it is believed to score otherwise
_ANOTHER = "the server now has another model than when it was opened: open it again"
_UNSURE = "the server failed, and cannot be asked whether it still has the same model"


class RemoteEngine(Tokenizing):
    """Scores tokens on a server; `address` is the base of its API, and #ID behind it picks one of several models."""

    def __init__(
        self, address: str, tokenizer: str | None = None, *, key: str | None = None, concurrency: int = 16,
        timeout: float = 120.0,
    ) -> None:  # fmt: skip
        """tokenizer: hub id or folder; the served model's id where none is named. Raises ModelError."""
        base, self._wanted = urldefrag(address)
        if wrong := fault(base, key):
            raise ModelError(wrong)
        self._address, self._concurrency, self._timeout = base, concurrency, timeout
        self._wire = Wire(base, key, concurrency, timeout)
        self._root = base.rstrip("/").removesuffix("/v1")  # where a server keeps what is not OpenAI's
        self._checked, self._failures = 0.0, 0  # when the weights were last seen to be the same, and failures by then
        self._failed = 0  # texts in a row
        self._card = self._find_model()
        self._tokenizer: Tokenizer = open_tokenizer(tokenizer or self._card["id"])
        self.warnings = self._tokenizer.warnings
        self.context = context_of(self._card) - 1  # one token is always generated

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
        with self._wire.open() as client:
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
    def _opening(self) -> Floats:
        """What the fixed sentence scored when the engine was opened."""
        with self._wire.open() as client:
            rows = self._ask(client, self._dialect, self._sentence)
        self._checked = time.monotonic()
        return rows

    @property
    def _sentence(self) -> Window:
        (tokens,) = self._tokenizer([CANARY])
        assert isinstance(tokens, Tokens)
        return cut(tokens, self.context)[0]

    @property
    def _weights(self) -> str:
        """What the fixed sentence scored, hashed: an address may serve other weights today than it did."""
        return sha256(np.round(self._opening, 3).astype("<f4").tobytes()).hexdigest()[:16]

    def load(self) -> None:
        """Finds out the dialect, and what the fixed sentence scores. Raises ModelError."""
        assert len(self._opening)

    def score(self, texts: Sequence[Tokens], extras: Extras = NO_EXTRAS) -> list[TokenStats | Unscored]:
        if extras.columns:
            return [Unscored("a remote server gives no further columns")] * len(texts)
        if not texts:
            return []
        self.load()
        self._failed = 0
        with self._wire.open() as client, ThreadPoolExecutor(self._concurrency) as pool:
            found = list(pool.map(partial(self._text, client, extras.prefix, asked()), texts))
            doubt = self._doubt(client, len(texts)) if any(isinstance(entry, TokenStats) for entry in found) else None
        if doubt is None:
            return found
        return [Unscored(doubt) if doubt == _ANOTHER or isinstance(e, TokenStats) else e for e in found]

    def _doubt(self, client: httpx2.Client, texts: int) -> str | None:
        """Returns why scores that were just given may be another model's, or None."""
        failures, now = self._wire.failures, time.monotonic()
        if texts < _SMALL and failures == self._failures and now - self._checked < _SURE:
            return None
        self._checked = -_SURE  # in doubt until found the same
        try:
            if not any(self._same(self._ask(client, self._dialect, self._sentence)) for _ in range(_CHECKS)):
                return _ANOTHER
        except ModelError as error:
            return f"{_UNSURE}: {error}"
        self._checked, self._failures = now, failures
        return None

    def _same(self, rows: Floats) -> bool:
        return bool(np.abs(rows[:, 0] - self._opening[:, 0]).mean() <= _NOISE)

    def _text(
        self, client: httpx2.Client, prefix: Sequence[int], wanted: Ask, tokens: Tokens
    ) -> TokenStats | Unscored:  # fmt: skip
        wanted()  # in a thread of the pool, which has no part in the caller's context
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
        body = dialect.ask(self._card["id"], ids)
        return dialect.read(self._wire.send(client, "POST", self._at(dialect.path), body, tokens=len(ids)), ids)

    def _at(self, path: str) -> str:
        return self._root + path if path.startswith("/") else path

    def _compare_tokenizers(self, client: httpx2.Client) -> None:
        """Raises ModelError where the server says that its tokenizer is another; not every server says anything."""
        (tokens,) = self._tokenizer([CANARY])
        assert isinstance(tokens, Tokens)
        body = {"model": self._card["id"], "prompt": CANARY, "add_special_tokens": False}
        try:
            theirs = self._wire.send(client, "POST", self._at("/tokenize"), body)["tokens"]
        except (ModelError, KeyError, TypeError):
            return
        if theirs and theirs != tokens.ids[int(tokens.has_bos) :].tolist():
            raise ModelError(
                f"{self._address} cuts text into other tokens than the tokenizer used here: name the served model's "
                "own in MEMPROBE_TOKENIZER."
            )

    def _find_model(self) -> dict[str, Any]:
        with self._wire.open() as client:
            client.timeout = min(_DISCOVERY, self._timeout)
            cards = served(self._wire.send(client, "GET", "models"))
        if not cards:
            raise ModelError(f"{self._address} lists no models: check that this is its API's base.")
        wanted = self._wanted or next(iter(cards))
        if wanted not in cards:
            raise ModelError(f"{self._address} serves {', '.join(cards)}, not {wanted}.")
        return cards[wanted]
