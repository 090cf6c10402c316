"""Known texts before they are scored: who tunes and who calibrates, near-copies left out, leaks between groups closed.

Within a group a near-copy, four fifths of whose words in a row were met before, is left out and the first kept.
Between groups a run of 13 words, or four fifths of a short text, is enough (data/overlap.py), and the one whose
membership would be in doubt goes: a non-member that shares one with a member may be one, and a tuning text that shares
one with a calibrating text would be judged twice.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, compress

import numpy as np
import numpy.typing as npt

from probe.calibration.residual import FEWEST
from probe.data.overlap import Seen, overlap
from probe.errors import CalibrationError
from probe.prefixes import Prefixes
from probe.shadow.learned import NOTHING, Shingles
from probe.types import Text

TUNING_SHARE = 7  # one in so many known non-members tunes where no tuning texts are given
Texts = Sequence[str | Text]


@dataclass(frozen=True, slots=True)
class Known:
    """Texts whose membership is known.

    The tuning ones do not calibrate; without any, a share is split off. sources: whole texts that known ones were cut
    from, so that a query which shares the rest of one fails the overlap gate too. basis: "split" where a random half
    was trained on. distinct: near-copies were removed already.
    """

    nonmembers: Texts
    members: Texts = ()
    tuning: Texts = ()
    tuning_members: Texts = ()
    sentinels: Sequence[str] = ()
    sources: Sequence[str] = ()
    basis: str = "post-hoc"
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Groups:
    """The texts that are scored, each in one group, and what was left out and why."""

    tuning: list[Text]
    nonmembers: list[Text]
    tuning_members: list[Text]
    members: list[Text]
    notes: tuple[str, ...] = ()

    def keep(self, nonmembers: npt.NDArray[np.bool_], members: npt.NDArray[np.bool_]) -> Groups:
        """Returns the groups with only these calibrating texts, one mark per text."""
        return replace(
            self,
            nonmembers=list(compress(self.nonmembers, nonmembers)),
            members=list(compress(self.members, members)),
        )

    @property
    def in_order(self) -> tuple[list[Text], ...]:
        return self.tuning, self.nonmembers, self.tuning_members, self.members


def sort_out(known: Known, prefixes: Prefixes, seed: int, learned: Shingles = NOTHING) -> Groups:
    """Returns the groups. Raises CalibrationError where a text is in two of them.

    learned: shingles of what the reference was adapted to.
    """
    given = _given(known)
    refuse_shared(known)
    notes: list[str] = []
    kept = {name: _unique(texts) for name, texts in given.items()}
    _note(notes, sum(map(len, given.values())) - sum(map(len, kept.values())), "repeated texts were left out")
    free = _without(kept, list(prefixes.shingles.values()), notes, "a prefix")
    free = _without(free, [learned], notes, "what the reference was adapted to")
    if not known.distinct:
        free = _without_copies(free, notes)
    tuning, nonmembers = _split(free["tuning non-members"], free["non-members"], seed)
    tuning_members, members = _split(free["tuning members"], free["members"], seed)
    return Groups(tuning, nonmembers, tuning_members, members, tuple(notes))


def _texts(texts: Texts) -> list[Text]:
    return [text if isinstance(text, Text) else Text(text) for text in texts]


def _given(known: Known) -> dict[str, list[Text]]:
    return {
        "non-members": _texts(known.nonmembers), "members": _texts(known.members),
        "tuning non-members": _texts(known.tuning), "tuning members": _texts(known.tuning_members),
    }  # fmt: skip


def refuse_shared(known: Known) -> None:
    """Raises CalibrationError where a text is in two groups."""
    sets = {name: {" ".join(text.text.split()) for text in texts} for name, texts in _given(known).items()}
    for (one, mine), (other, theirs) in combinations(sets.items(), 2):
        if both := len((mine & theirs) - {""}):
            raise CalibrationError(f"{both} texts are among the {one} and the {other}; keep each in one group.")


def _unique(texts: Sequence[Text]) -> list[Text]:
    return list({" ".join(text.text.split()): text for text in texts}.values())


def _without(
    groups: dict[str, list[Text]], read: Sequence[Shingles], notes: list[str], what: str
) -> dict[str, list[Text]]:
    """Leaves out what was read already, by its shingles."""
    free = {
        name: [text for text in texts if not any(overlap(text.text, shingles) for shingles in read)]
        for name, texts in groups.items()
    }
    _note(notes, _sizes(groups) - _sizes(free), f"texts that share a run of words with {what} were left out")
    return free


def _without_copies(groups: dict[str, list[Text]], notes: list[str]) -> dict[str, list[Text]]:
    """Members speak first, then those that calibrate: whoever copies one of an earlier group is left out."""
    seen: list[Seen] = []
    kept: dict[str, list[Text]] = {}
    within = across = 0
    for name in ("members", "tuning members", "non-members", "tuning non-members"):
        own = Seen()
        kept[name] = []
        for text in groups[name]:
            if any(earlier.shares(text.text) for earlier in seen):
                across += 1
            elif own.copies(text.text):
                within += 1
            else:
                kept[name].append(text)
            own.add(text.text)
        seen.append(own)
    _note(notes, within, "near-copies within a group were left out")
    _note(notes, across, "texts that share a run of words with another group were left out")
    return kept


def _split(tuning: list[Text], texts: list[Text], seed: int) -> tuple[list[Text], list[Text]]:
    """Returns texts to tune on and texts to calibrate on."""
    if tuning:
        return tuning, texts
    share = len(texts) // TUNING_SHARE
    if share < FEWEST:
        return [], texts
    shuffled = random.Random(seed).sample(texts, len(texts))
    return shuffled[:share], shuffled[share:]


def _sizes(groups: dict[str, list[Text]]) -> int:
    return sum(map(len, groups.values()))


def _note(notes: list[str], count: int, what: str) -> None:
    if count:
        notes.append(f"{count} {what}")
