"""The generate-only engine: any OpenAI-compatible server that gives text and no log-probabilities.

The first dialect that the server answers is used. Every sample is a request of its own, because many servers ignore
`n`: so the number of requests is known beforehand, and each sample has its own seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from urllib.parse import urldefrag

from probe.errors import InputError, ModelError, OverBudget
from probe.models.budget import NOTHING, Budget, Meter, Usage
from probe.models.chat import DIALECTS, Dialect, Kind
from probe.models.draw import Advance, Draw
from probe.models.metered import Line
from probe.models.served import served
from probe.models.tokens import open_tokenizer
from probe.models.wire import Refused
from probe.types import Tokens, Unscored

_BYTES, _WRAPPING = 4, 16  # UTF-8 bytes per token where no tokenizer is named; tokens that a chat template adds
_GREETING, _GREETED = "Say hello.", 16  # finds the dialect; its output limit in tokens
Sizes = int | Sequence[int]  # max_tokens: of each answer, one for all prompts or one per prompt


class GenerateEngine:
    """Generates on a server; `address` is the base of its API, and #ID behind it picks one of several models."""

    def __init__(
        self, address: str, *, key: str | None = None, tokenizer: str | None = None, kind: Kind | None = None,
        budget: Budget | None = None, concurrency: int = 16, timeout: float = 120.0,
    ) -> None:  # fmt: skip
        """Sends nothing yet. tokenizer: hub id or folder, to estimate with. kind: fixes the dialect. timeout: seconds.

        Raises InputError for what is no address or kind, and ModelError for the tokenizer.
        """
        self.address, self._wanted = urldefrag(address)
        self.budget = budget or Budget()
        self._meter = Meter(self.budget)
        self._line = Line(self.address, key, self._meter, concurrency, timeout)
        self._concurrency = concurrency
        self._tokenizer = open_tokenizer(tokenizer) if tokenizer else None
        self._dialects = [dialect for dialect in DIALECTS if kind in (None, dialect.kind)]
        if not self._dialects:
            raise InputError(f"No dialect named {kind}. There are: completions, chat.", "dialect")

    @property
    def used(self) -> Usage:
        """What was asked so far, by the server's own count where it gives one."""
        return self._meter.used

    @property
    def opening(self) -> Usage:
        """What finding the dialect costs; nothing once it is known."""
        return NOTHING if "dialect" in self.__dict__ else self._bound(_GREETING, _GREETED)

    @cached_property
    def model(self) -> str:
        """The id behind #, as it stands, or the first that the server lists. Raises ModelError."""
        if self._wanted:
            return self._wanted
        try:
            with self._line.open() as client:
                if found := served(self._line.send(client, "models")):
                    return next(iter(found))
        except Refused as error:
            raise ModelError(f"{error}. Or name the model behind the address: #ID.") from error
        raise ModelError(
            f"{self.address} lists no models: check that this is its API's base, or name the model behind it: #ID."
        )

    @cached_property
    def dialect(self) -> Dialect:
        """The first dialect that the server answers. Raises ModelError, and OverBudget."""
        refusals: dict[str, str] = {}
        with self._line.open() as client:
            for dialect in self._dialects:
                body = {"model": self.model, **dialect.body(_GREETING, "", _GREETED, 1.0, 0)}
                try:
                    dialect.find(self._line.send(client, dialect.path, body, self._bound(_GREETING, _GREETED)))
                    return dialect
                except Refused as error:
                    refusals[dialect.kind] = str(error)
        raise ModelError(
            f"{self.model} generates no text ({'; '.join(f'{kind}: {why}' for kind, why in refusals.items())}). Check "
            "the address, the model's name behind # and the key (MEMPROBE_REMOTE_KEY)."
        )

    def count(self, text: str) -> int:
        """Returns the tokens of a text, estimated as its UTF-8 bytes / 4 where no tokenizer is named."""
        if not self._tokenizer:
            return -(-len(text.encode(errors="replace")) // _BYTES)
        (found,) = self._tokenizer([text])
        return len(found.ids) if isinstance(found, Tokens) else 0

    def estimate(self, prompts: Sequence[str], samples: int, max_tokens: Sizes, instruction: str = "") -> Usage:
        """Returns the requests, about the tokens in, and the most tokens out. Sends nothing."""
        bounds = [
            self._bound(prompt, size, instruction)
            for prompt, size in zip(prompts, _sizes(prompts, max_tokens), strict=True)
        ]
        return Usage(
            samples * len(bounds), samples * sum(b.input for b in bounds), samples * sum(b.output for b in bounds)
        )

    def afford(self, usage: Usage) -> None:
        """Raises OverBudget where this, with what was used and what finding the dialect costs, passes the budget."""
        if reason := self.budget.excess(self.used + self.opening + usage):
            raise OverBudget(
                f"Refused before asking: {reason}. Ask fewer texts or samples, or raise the budget.", "budget"
            )

    def generate(
        self, prompts: Sequence[str], samples: int, max_tokens: Sizes, temperature: float = 1.0, seed: int = 0, *,
        instruction: str = "", progress: Advance | None = None, afforded: bool = False,
    ) -> list[list[str] | Unscored]:  # fmt: skip
        """Returns `samples` texts per prompt, or why there are none, in order; sample i is drawn with seed + i.

        max_tokens: of each answer. instruction: told before the prompt, in chat only. afforded: the caller has asked
        `afford` for all that it does; what fits no longer, because the server counts more, is then left unscored.
        Raises InputError, OverBudget before the first request, and ModelError where the server is gone from the start
        or answers no dialect.
        """
        sizes = _sizes(prompts, max_tokens)
        if samples < 1 or temperature < 0 or min(sizes, default=1) < 1:
            raise InputError("Samples and max_tokens must be at least 1, and the temperature at least 0.", "samples")
        if not afforded:
            self.afford(self.estimate(prompts, samples, sizes, instruction))
        if not prompts:
            return []
        dialect, model = self.dialect, self.model
        bounds = [self._bound(prompt, size, instruction) for prompt, size in zip(prompts, sizes, strict=True)]
        with self._line.open() as client:

            def ask(index: int, sample: int) -> str:
                body = dialect.body(prompts[index], instruction, sizes[index], temperature, seed + sample)
                return dialect.text(self._line.send(client, dialect.path, {"model": model, **body}, bounds[index]))

            return Draw(ask)(len(prompts), samples, self._concurrency, progress)

    def _bound(self, prompt: str, size: int, instruction: str = "") -> Usage:
        return Usage(1, self.count(prompt) + self.count(instruction) + _WRAPPING, size)


def _sizes(prompts: Sequence[str], max_tokens: Sizes) -> list[int]:
    return [max_tokens] * len(prompts) if isinstance(max_tokens, int) else list(max_tokens)
