"""An engine for jobs: every pass waits its turn in the thread that alone touches the models, between requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from probe.models.base import NO_EXTRAS, Engine, Extras, Identity
from probe.types import Tokens, TokenStats, Unscored

T = TypeVar("T")
Take = Callable[[Callable[[], T]], T]  # runs work in the models' thread and waits for it


class Turns:
    """The engine, one pass at a time."""

    def __init__(self, engine: Engine, take: Take[list[TokenStats | Unscored]]) -> None:
        self._engine, self._take = engine, take

    @property
    def identity(self) -> Identity:
        return self._engine.identity

    @property
    def context(self) -> int:
        return self._engine.context

    @property
    def vocabulary(self) -> int:
        return self._engine.vocabulary

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._engine.warnings

    def load(self) -> None:
        """The service loaded it before it was ready."""

    def tokenize(self, texts: Sequence[str]) -> list[Tokens | Unscored]:
        return self._engine.tokenize(texts)

    def score(self, texts: Sequence[Tokens], extras: Extras = NO_EXTRAS) -> list[TokenStats | Unscored]:
        return self._take(lambda: self._engine.score(texts, extras))

    def same_tokenizer(self, other: Engine) -> bool:
        return self._engine.same_tokenizer(other._engine if isinstance(other, Turns) else other)
