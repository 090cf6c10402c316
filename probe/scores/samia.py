"""samia: how many of a text's own words come back when the target goes on from its first half (2404.11262).

samia = mean over samples of ROUGE-1 recall = |words(sample) & words(suffix)| / |words(suffix)|, as multisets
samia_zlib = mean over samples of that recall x len(zlib(sample)), bytes, against samples that repeat themselves

Words are split at white space and keep their case, as in the paper's code. A sample is cut to as many words as the
suffix has, which the paper's code does not do: a longer one would gain recall from frequent words alone. Ten samples at
temperature 1. Local models write them here; for servers, and for samia_zlib, see memprobe ask.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from probe.scores.base import Method
from probe.scores.view import View, compressed
from probe.types import Unscored

SAMPLES = 10  # as in the paper


@dataclass(frozen=True, slots=True)
class Split:
    """What the target is shown, and what it should then say."""

    prefix: str
    suffix: str


def split(text: str) -> Split | Unscored:
    """Returns the first half of the words, white space between them as it stands, and the rest."""
    words = text.split()
    if len(words) < 2:
        return Unscored("the text has fewer than 2 words (they are split at white space)")
    body = text.strip()
    rest = body.split(maxsplit=len(words) // 2)[-1]  # from the first word of the second half to the end
    return Split(body[: len(body) - len(rest)].rstrip(), rest)


def room(tokens: int) -> int:
    """Returns the most tokens of an answer to a suffix of so many: room for as many words, and little more."""
    return tokens * 4 // 3 + 8


def continuation(answer: str, parts: Split) -> str:
    """Returns the words that were added: without the prefix, which chat models like to repeat, and no more than due."""
    words, prefix = answer.split(), parts.prefix.split()
    added = words[len(prefix) :] if words[: len(prefix)] == prefix else words
    return " ".join(added[: len(parts.suffix.split())])


def recall(suffix: str, added: str) -> float:
    """Returns the share of the suffix's words that were added, each counted as often as both have it."""
    wanted = Counter(suffix.split())
    return (wanted & Counter(added.split())).total() / wanted.total() if wanted else 0.0


def samia(suffix: str, continuations: Sequence[str]) -> float:
    """Returns the mean recall, 0 to 1. There must be a continuation."""
    return sum(recall(suffix, added) for added in continuations) / len(continuations)


def samia_zlib(suffix: str, continuations: Sequence[str]) -> float:
    """Returns the mean of recall times compressed size, bytes. There must be a continuation."""
    return sum(recall(suffix, added) * compressed(added) for added in continuations) / len(continuations)


def of_view(view: View) -> float | Unscored:
    """Returns samia of the continuations that the target wrote for this text."""
    parts, answers = split(view.text), view.continuations
    if isinstance(parts, Unscored):
        return parts
    return samia(parts.suffix, [continuation(answer, parts) for answer in answers])


SCORE = Method("samia", of_view, ("logprob", "generate"), "Kaneko et al. 2024, arXiv:2404.11262", samples=SAMPLES)
