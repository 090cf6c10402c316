"""What an engine is: texts in, tokens and token statistics out. Every engine passes the same contract tests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from probe.errors import InputError
from probe.types import Floats, Tokens, TokenStats, Unscored

if TYPE_CHECKING:
    from probe.models.tokens import Tokenizer


@dataclass(frozen=True, slots=True)
class Identity:
    """What decides an engine's figures (hashes, dtype, window policy) and what is recorded beside (engine, device)."""

    name: str
    model: str  # sha256:... of weights and configuration
    tokenizer: str  # sha256:...
    dtype: str
    windows: str
    engine: str
    device: str
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Sampler:
    """How text is drawn: by the model's own distribution, unless its logits are divided by a temperature, or only the
    k most probable tokens are kept. Raises InputError for one that there is none of.
    """

    temperature: float | None = None
    top_k: int | None = None

    def __post_init__(self) -> None:
        if self.temperature is not None and not 0 < self.temperature < math.inf:
            raise InputError("The temperature is a number above 0; a top-k of 1 is greedy.", "temperature")
        if self.top_k is not None and self.top_k < 1:
            raise InputError("top-k is a number of tokens, 1 at least.", "top_k")

    def __bool__(self) -> bool:
        return self != OWN

    def __str__(self) -> str:
        said = [f"temperature {self.temperature:g}"] if self.temperature is not None else []
        return " and ".join([*said, *([f"top-k {self.top_k}"] if self.top_k is not None else [])])


OWN = Sampler()  # the model's own distribution


@dataclass(frozen=True, slots=True)
class Extras:
    """What is asked beyond the plain statistics: optional columns of TokenStats, a prefix before every text.

    sampler: adds the log-probability under it. gradient: where the engine can; others leave that column out.
    """

    top: bool = False
    sampler: Sampler = OWN
    prefix: tuple[int, ...] = ()  # token ids, BOS included; they are context and are not scored
    gradient: bool = False

    @property
    def columns(self) -> bool:
        """True where columns are asked for that an engine gives or refuses to score."""
        return self.top or bool(self.sampler)


NO_EXTRAS = Extras()


def stats_of(tokens: Tokens, columns: Mapping[str, Floats], windows: int) -> TokenStats | Unscored:
    """Returns the statistics of a text from its columns, [scored] each; the rank may come as any kind of number."""
    if not all(np.isfinite(columns[name]).all() for name in ("logprob", "mu", "sigma") if name in columns):
        return Unscored("the model gives no finite probability for some token; try dtype float32")
    rest = {name: column for name, column in columns.items() if name != "rank"}
    return TokenStats(tokens, rank=columns["rank"].astype(np.int32), windows=windows, **rest)


def stats_from(tokens: Tokens, names: Sequence[str], windows: Sequence[npt.NDArray[Any]]) -> TokenStats | Unscored:
    """The same from one table per window, [scored, columns]."""
    return stats_of(tokens, dict(zip(names, np.concatenate(windows).T.copy(), strict=True)), len(windows))


class Tokenizing:
    """What engines share that make their tokens here."""

    _tokenizer: Tokenizer

    def tokenize(self, texts: Sequence[str]) -> list[Tokens | Unscored]:
        return self._tokenizer(texts)

    @property
    def vocabulary(self) -> int:
        return 1 + max(self._tokenizer.vocabulary.values())

    def same_tokenizer(self, other: Engine) -> bool:
        if isinstance(other, Tokenizing):
            return self._tokenizer.vocabulary == other._tokenizer.vocabulary
        return other.same_tokenizer(cast("Engine", self))  # it stands around one that does


class Engine(Protocol):
    """A causal language model that scores tokens. Safe to call from one thread at a time."""

    @property
    def identity(self) -> Identity:
        """What decides and accompanies its figures."""

    @property
    def context(self) -> int:
        """Tokens that one window may hold."""

    @property
    def vocabulary(self) -> int:
        """Ids that its tokenizer may give lie below this."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is wrong with it for every text."""

    def load(self) -> None:
        """Gets ready to score; else the first text does. Raises ModelError."""

    def tokenize(self, texts: Sequence[str]) -> list[Tokens | Unscored]:
        """Returns one entry per text, in order."""

    def score(self, texts: Sequence[Tokens], extras: Extras = NO_EXTRAS) -> list[TokenStats | Unscored]:
        """Returns one entry per text, in order; long texts go through sliding windows."""

    def same_tokenizer(self, other: Engine) -> bool:
        """True where both give the same ids the same meaning, so that per-token differences exist."""
