"""What a caller may choose, and texts that are ready for the models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from probe.errors import InputError
from probe.models.base import NO_EXTRAS, Extras
from probe.models.writing import Prompt
from probe.scores.samia import SAMPLES
from probe.scores.view import Role
from probe.types import Text, Tokens, Unscored

ALPHA = 0.01
LEAST_ALPHA = 1e-9  # a claim of which takes three billion known non-members
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
        if not LEAST_ALPHA <= self.alpha < 0.5:
            raise InputError(
                f"alpha must lie between 0 and 0.5 and be {LEAST_ALPHA:g} or more, not {self.alpha}.", "alpha"
            )


@dataclass(frozen=True)
class Prepared:
    """Texts of one caller, tokenised; each list has one entry per text, copies by their name one list per text, behind:
    by role of the prefix that is read before it. reference_copies: those that the reference reads too, as it reads
    them. prompts: what the target is to go on from, empty where no score asks. extras: of the texts themselves.
    """

    texts: Sequence[Text]
    options: Options
    target: Sequence[Entry]
    reference: Sequence[Entry]
    copies: Mapping[str, Sequence[Sequence[Entry]]]
    behind: Mapping[Role, Sequence[Entry]]
    reference_copies: Mapping[str, Sequence[Sequence[Entry]]] = field(default_factory=dict)
    prompts: Sequence[Prompt | Unscored] = ()
    extras: Extras = NO_EXTRAS

    @cached_property
    def tokens(self) -> int:
        """Tokens that the target will read for the texts themselves."""
        return _count(self.target)

    @cached_property
    def read(self) -> int:
        """Tokens that the target will read in all, copies included and texts behind a prefix again, or write."""
        others = [group for groups in self.copies.values() for group in groups]
        written = sum(len(entry.ids) + entry.size for entry in self.prompts if isinstance(entry, Prompt))
        return sum(map(_count, [self.target, *others, *self.behind.values()])) + SAMPLES * written

    @cached_property
    def compared(self) -> int:
        """Tokens that the reference will read."""
        others = [group for groups in self.reference_copies.values() for group in groups]
        return sum(map(_count, [self.reference, *others]))


def _count(entries: Sequence[Entry]) -> int:
    return sum(len(entry.ids) for entry in entries if isinstance(entry, Tokens))
