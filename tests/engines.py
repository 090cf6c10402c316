"""The embedded target with a gate, or with a fault: real engines whose time and failures a test decides."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from probe.models.around import Around
from probe.models.base import NO_EXTRAS, Engine, Extras
from probe.types import Tokens, TokenStats, Unscored
from probe.wanted import still_wanted


class Gated(Around):
    """`score` takes steps until the gate is open; `ended` is set where it was given up in between."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.gate, self.entered, self.ended = threading.Event(), threading.Event(), threading.Event()

    def score(self, texts: Sequence[Tokens], extras: Extras = NO_EXTRAS) -> list[TokenStats | Unscored]:
        self.entered.set()
        try:
            while not self.gate.wait(0.01):
                still_wanted()
        except BaseException:
            self.ended.set()
            raise
        return self._engine.score(texts, extras)


class Faulty(Around):
    """`score` raises `error` where there is one, and gives no statistics where `dead`."""

    error: Exception | None = None
    dead = False

    def score(self, texts: Sequence[Tokens], extras: Extras = NO_EXTRAS) -> list[TokenStats | Unscored]:
        if self.error:
            raise self.error
        return [Unscored("the device is gone")] * len(texts) if self.dead else self._engine.score(texts, extras)


class Hung(Around):
    """`score` waits without a step until it is let go."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.go, self.entered = threading.Event(), threading.Event()

    def score(self, texts: Sequence[Tokens], extras: Extras = NO_EXTRAS) -> list[TokenStats | Unscored]:
        self.entered.set()
        assert self.go.wait(60)
        return self._engine.score(texts, extras)
