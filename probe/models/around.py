"""An engine around another: it answers for what it does not change by asking the one inside."""

from __future__ import annotations

from collections.abc import Sequence

from probe.models.base import Engine, Identity
from probe.types import Tokens, Unscored


class Around:
    """All of an engine but `score`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

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
        self._engine.load()

    def tokenize(self, texts: Sequence[str]) -> list[Tokens | Unscored]:
        return self._engine.tokenize(texts)

    def same_tokenizer(self, other: Engine) -> bool:
        return self._engine.same_tokenizer(other)
