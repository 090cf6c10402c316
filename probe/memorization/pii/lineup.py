"""A true value among values of its format that have as many tokens, behind the same text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np

from probe.canaries.words import WORDS
from probe.memorization.pii.fillers import NAMES, by_pieces, fillers, free
from probe.memorization.pii.spans import Span
from probe.models.base import Engine
from probe.prepare import beyond
from probe.types import Ints, Tokens, Unscored
from probe.wanted import still_wanted

COUNT = 10_000  # fillers, at least where the format has so many
FEWEST = 100
LONGEST = 64  # tokens of a value that is ranked; ten thousand longer ones would take gigabytes
_ROUNDS = 40  # of drawing as many: those of another number of tokens are of no use
_AT_ONCE = 1000  # that are tokenised
_BEFORE, _NEAR = 400, 24  # characters of context; of them that are read with every filler


@dataclass(frozen=True, slots=True, eq=False)
class Lineup:
    """kind: of the value. prefix: ids of what stands before it, BOS included; values: ids of each, the true one first.

    It holds for every engine of the same tokenizer.
    """

    kind: str
    prefix: Ints
    values: Sequence[Ints]


def lineup(engine: Engine, text: str, span: Span, count: int = COUNT, seed: int = 0) -> Lineup | Unscored:
    """Returns the value and its fillers, or why there is no rank."""
    value, before = text[span.start : span.end], _context(text, span.start)
    if beyond(value, LONGEST):
        return _long(f"{len(value):,} characters")
    (found,) = engine.tokenize([before + value])
    if isinstance(found, Unscored):
        return found
    begin = _first(found, len(before))
    if refusal := _refusal(engine, begin, len(found.ids) - begin):
        return refusal
    prefix, ids = found.ids[:begin], found.ids[begin:]
    alike = _alike(engine, _near(engine, before, value, prefix, ids), value, span.kind, count, seed)
    if len(alike) < FEWEST:
        return Unscored(f"{len(alike)} values of its format have as many tokens; a rank takes {FEWEST}")
    return Lineup(span.kind, prefix, [ids, *alike])


def _refusal(engine: Engine, before: int, tokens: int) -> Unscored | None:
    if before == 0:
        return Unscored("nothing stands before it")
    if 2 * before > engine.context:
        return Unscored("the text before it is longer than half of the model's context")
    return _long(f"{tokens:,} tokens") if tokens > LONGEST else None


def _long(size: str) -> Unscored:
    return Unscored(f"it has {size}, and values of {LONGEST} tokens at most are ranked: name a part of it")


@dataclass(frozen=True, slots=True, eq=False)
class _Near:
    """before: what is read with each filler; prefix: its ids; size: of these and the value's."""

    before: str
    prefix: Ints
    size: int


def _context(text: str, start: int) -> str:
    """Returns what stands before, from the beginning of a word."""
    if start <= _BEFORE:
        return text[:start]
    cut = text[start - _BEFORE : start]
    return cut[cut.find(" ") + 1 :]


def _first(tokens: Tokens, place: int) -> int:
    """Returns the first token that reaches beyond a place in the text."""
    lost = len(tokens.ids) - len(tokens.start)
    return lost + int(np.searchsorted(tokens.end, place, side="right"))


def _near(engine: Engine, before: str, value: str, prefix: Ints, ids: Ints) -> _Near:
    """Returns the last words before the value, if behind them it has the tokens that it has behind all of them."""
    end = before[max(0, before.rfind(" ", 0, max(0, len(before) - _NEAR))) :]
    (found,) = engine.tokenize([end + value])
    if isinstance(found, Tokens) and np.array_equal(found.ids[-len(ids) :], ids):
        return _Near(end, found.ids[: -len(ids)], len(found.ids))
    return _Near(before, prefix, len(prefix) + len(ids))


def _alike(engine: Engine, near: _Near, value: str, kind: str, count: int, seed: int) -> list[Ints]:
    """Returns the ids of fillers, each once, that have as many tokens as the value, behind the same ones."""
    found: dict[str, Ints] = {}
    _draw(engine, near, fillers(value, kind, seed), count, value, found)
    if len(found) < count and free(kind):  # few words have as many tokens: then others of the value's own pieces
        _draw(engine, near, by_pieces(_parts(engine, near, value), kind, _pool(engine), seed), count, value, found)
    return list(found.values())[:count]


def _draw(
    engine: Engine, near: _Near, drawn: Iterator[str], count: int, value: str, found: dict[str, Ints]
) -> None:  # fmt: skip
    """Adds what has as many tokens as the value."""
    begin, seen = len(near.prefix), {value, *found}
    for _ in range(_ROUNDS):
        fresh = [one for one in dict.fromkeys(islice(drawn, count)) if one not in seen]
        seen.update(fresh)
        for one, tokens in _tokens(engine, near, fresh):
            if (
                isinstance(tokens, Tokens)
                and len(tokens.ids) == near.size
                and np.array_equal(tokens.ids[:begin], near.prefix)
            ):
                found[one] = tokens.ids[begin:]
        if len(found) >= count or len(fresh) < count / 10:  # enough, or the format has no more
            return


def _tokens(engine: Engine, near: _Near, values: Sequence[str]) -> Iterator[tuple[str, Tokens | Unscored]]:
    for begin in range(0, len(values), _AT_ONCE):
        still_wanted()
        part = values[begin : begin + _AT_ONCE]
        yield from zip(part, engine.tokenize([near.before + one for one in part]), strict=True)


def _parts(engine: Engine, near: _Near, value: str) -> list[str]:
    """Returns the value in the pieces that its tokens are."""
    (found,) = engine.tokenize([near.before + value])
    assert isinstance(found, Tokens)
    cuts = sorted({0, *(int(place) - len(near.before) for place in found.end if place > len(near.before))})
    return [value[begin:end] for begin, end in pairwise(cuts)]


def _pool(engine: Engine) -> list[str]:
    """Returns the pieces that the tokenizer makes of names and common words, of every case."""
    every = [made for word in (*NAMES, *WORDS) for made in (word.lower(), word.capitalize(), word.upper())]
    entries = zip(every, engine.tokenize(every), strict=True)
    return sorted(
        {
            word[begin:end].strip()
            for word, tokens in entries
            if isinstance(tokens, Tokens)
            for begin, end in zip(tokens.start.tolist(), tokens.end.tolist(), strict=True)
        }
    )
