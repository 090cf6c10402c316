"""Texts -> tokens: of each text for target and reference, and of the copies that the chosen scores read beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from probe.errors import InputError
from probe.models.base import Engine
from probe.prefixes import Prefixes
from probe.scores import choose, copies_for, prefixes_for
from probe.scores.copies import Make
from probe.scores.view import Role
from probe.setup import Setup
from probe.types import Text, Tokens, Unscored

ALPHA = 0.01
NO_REFERENCE = Unscored("no reference model is given")
_NOT_SCORED = Unscored("the text cannot be scored under the target")
Entry = Tokens | Unscored


@dataclass(frozen=True, slots=True)
class Options:
    """What a caller may choose. scores: ids to compute, None for those of few passes; alpha: the false-positive rate
    claimed; max_tokens: a longer text is not scored.
    """

    scores: frozenset[str] | None = None
    alpha: float = ALPHA
    max_tokens: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 0.5:
            raise InputError(f"alpha must lie between 0 and 0.5, not {self.alpha}.", "alpha")


@dataclass(frozen=True, slots=True)
class Prepared:
    """Texts of one caller, tokenised; each list has one entry per text, copies by their name one list per text, behind:
    by role of the prefix that is read before it."""

    texts: Sequence[Text]
    options: Options
    target: Sequence[Entry]
    reference: Sequence[Entry]
    copies: Mapping[str, Sequence[Sequence[Entry]]]
    behind: Mapping[Role, Sequence[Entry]]

    @property
    def tokens(self) -> int:
        """Tokens that the target will read for the texts themselves."""
        return _count(self.target)

    @property
    def read(self) -> int:
        """Tokens that the target will read in all, copies included and texts behind a prefix again."""
        others = [group for groups in self.copies.values() for group in groups]
        return sum(map(_count, [self.target, *others, *self.behind.values()]))


def prepare(setup: Setup, texts: Sequence[Text], options: Options) -> Prepared:
    """Tokenises; a text that is refused costs no other pass."""
    plain = [entry.text.strip() or entry.text for entry in texts]  # a final newline is the file's, not the text's
    found = [_limited(entry, options.max_tokens) for entry in setup.target.tokenize(plain)]
    kept = [isinstance(entry, Tokens) for entry in found]
    chosen = choose(options.scores)
    other = _for_reference(setup, plain, found)
    return Prepared(
        texts, options,
        [_placed(entry, text.text) for entry, text in zip(found, texts, strict=True)],
        [entry if keep else _NOT_SCORED for entry, keep in zip(other, kept, strict=True)],
        {name: _copies(setup.target, copy.make, plain, kept) for name, copy in copies_for(chosen).items()},
        {role: _behind(setup.prefixes, role, plain, found) for role in prefixes_for(chosen)},
    )  # fmt: skip


def _count(entries: Sequence[Entry]) -> int:
    return sum(len(entry.ids) for entry in entries if isinstance(entry, Tokens))


def _for_reference(setup: Setup, texts: Sequence[str], found: list[Entry]) -> list[Entry]:
    """Tokens of the reference: the target's where its tokenizer is the very same."""
    if setup.reference is None:
        return [NO_REFERENCE] * len(texts)
    if setup.reference.identity.tokenizer == setup.target.identity.tokenizer:
        return found
    return setup.reference.tokenize(texts)


def _copies(target: Engine, make: Make, texts: Sequence[str], kept: Sequence[bool]) -> list[list[Entry]]:
    made = [make(text) if keep else () for text, keep in zip(texts, kept, strict=True)]
    tokens = iter(target.tokenize([copy for copies in made for copy in copies]))
    return [[next(tokens) for _ in copies] for copies in made]


def _behind(prefixes: Prefixes, role: Role, texts: Sequence[str], found: Sequence[Entry]) -> list[Entry]:
    pairs = zip(texts, found, strict=True)
    return [
        _NOT_SCORED if isinstance(entry, Unscored) else prefixes.refusal(role, text) or entry for text, entry in pairs
    ]


def _placed(entry: Entry, text: str) -> Entry:
    """Offsets count from the beginning of the caller's text, white space included."""
    lead = len(text) - len(text.lstrip())
    if not lead or isinstance(entry, Unscored):
        return entry
    return replace(entry, start=entry.start + lead, end=entry.end + lead)


def _limited(entry: Entry, limit: int | None) -> Entry:
    if limit is None or isinstance(entry, Unscored) or len(entry.ids) <= limit:
        return entry
    return Unscored(f"it has {len(entry.ids):,} tokens and the limit is {limit:,}; send passages of it")
