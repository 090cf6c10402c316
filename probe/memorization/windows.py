"""Tokens of a document -> windows of a prefix and a suffix, and their log p_z under an engine.

Windows of prefix + suffix tokens each, a stride apart; a text too short for one is cut in its middle. BOS stands
before a prefix where the tokenizer gives one, as before every text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from probe.data.windows import cut
from probe.errors import InputError
from probe.models.base import NO_EXTRAS, OWN, Engine, Extras, Sampler
from probe.types import Floats, Ints, Tokens, TokenStats, Unscored

Advance = Callable[[int], None]  # tokens read since it was called last
Vector = npt.NDArray[np.float64]
_LONGEST = 1_000_000  # tokens
_AT_ONCE = 1 << 15  # tokens between two signs of progress


@dataclass(frozen=True, slots=True)
class Shape:
    """prefix, suffix, stride: tokens."""

    prefix: int = 50
    suffix: int = 50
    stride: int = 10

    def __post_init__(self) -> None:
        for name in ("prefix", "suffix", "stride"):
            if not 1 <= getattr(self, name) <= _LONGEST:
                raise InputError(f"prefix, suffix and stride are tokens, 1 at least and {_LONGEST:,} at most.", name)

    @property
    def tokens(self) -> int:
        return self.prefix + self.suffix

    def fitted(self, tokens: int) -> Shape:
        """Returns the shape for a text of so many tokens; one too short for a window is one, cut in the middle."""
        if tokens >= self.tokens:
            return self
        return Shape(max(1, tokens // 2), max(1, tokens - tokens // 2), self.stride)

    def begins(self, tokens: int) -> npt.NDArray[np.int64]:
        """Returns where windows begin, the last at the end."""
        last = tokens - self.tokens
        return np.unique(np.append(np.arange(0, last + 1, self.stride), last))


def body(tokens: Tokens) -> Ints:
    """Returns the ids of the text itself."""
    return tokens.ids[int(tokens.has_bos) :]


def whole(engine: Engine, tokens: Tokens, context: int, advance: Advance) -> tuple[Floats, Ints]:
    """Returns log-probability [scored] and rank [scored] of every token, past the first each behind half a context at
    least.
    """
    # a window stands as a text of its own, so that a long document shows progress and fills batches
    pieces = [
        (Tokens(ids, *_places(len(ids) - 1), has_bos=False), scored)
        for ids, scored in cut(tokens, min(context, engine.context))
    ]
    columns: list[tuple[Floats, Ints]] = []
    for group in _grouped([piece for piece, _ in pieces]):
        columns += [(one.logprob, one.rank) for one in scored_all(engine, group)]
        advance(sum(len(one.ids) for one in group))
    ends = [(logprob[-count:], rank[-count:]) for (logprob, rank), (_, count) in zip(columns, pieces, strict=True)]
    return np.concatenate([one for one, _ in ends]), np.concatenate([one for _, one in ends])


def exact(
    engine: Engine, tokens: Tokens, begins: npt.NDArray[np.int64], shape: Shape, advance: Advance,
    sampler: Sampler = OWN,
) -> tuple[Vector, npt.NDArray[np.bool_]]:  # fmt: skip
    """Returns log p_z [windows], nats, and whether each suffix is greedily extractable [windows].

    p_z is the sampler's; -inf where it cannot give some token.
    """
    ids, head = body(tokens), tokens.ids[: int(tokens.has_bos)]
    windows = [np.concatenate([head, ids[begin : begin + shape.tokens]]) for begin in begins.tolist()]
    texts = [Tokens(one, *_places(len(one) - 1), has_bos=tokens.has_bos) for one in windows]
    logs, greedy = [], []
    for group in _grouped(texts):
        for one in scored_all(engine, group, Extras(sampler=sampler)):
            column = one.logprob if one.sampled is None else one.sampled
            logs.append(float(column[-shape.suffix :].sum(dtype=np.float64)))
            greedy.append(bool((one.rank[-shape.suffix :] == 0).all()))
        advance(sum(len(one.ids) for one in group))
    return np.array(logs), np.array(greedy, bool)


def scored_all(engine: Engine, texts: Sequence[Tokens], extras: Extras = NO_EXTRAS) -> list[TokenStats]:
    """Raises InputError where the engine refuses a window: nothing can be said of a document with holes."""
    found = engine.score(texts, extras)
    if refused := next((one for one in found if isinstance(one, Unscored)), None):
        raise InputError(f"The document cannot be scored: {refused.reason}.")
    return [one for one in found if isinstance(one, TokenStats)]


def _places(scored: int) -> tuple[Ints, Ints]:
    nowhere = np.zeros(scored, np.int32)
    return nowhere, nowhere


def _grouped(texts: Sequence[Tokens]) -> Iterator[Sequence[Tokens]]:
    begin = total = 0
    for end, text in enumerate(texts, 1):
        total += len(text.ids)
        if total >= _AT_ONCE or end == len(texts):
            yield texts[begin:end]
            begin, total = end, 0
