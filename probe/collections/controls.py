"""A control set: non-members from a pool, matched to the suspect documents on length, date and source.

Each suspect document takes the nearest free pool document in log characters among those of its bucket (same source and
date, where these are named), if one is within a quarter longer or shorter; the longest choose first, for they have the
fewest to choose from. Pool documents that share a run of words with a suspect one are none. Balance is said before and
after: the standardised mean difference of log length, the share of suspect documents that another mix of buckets would
hold, and how well words alone tell the two sides apart (calibration/blind.py).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probe.audit.metrics import Figure
from probe.calibration.blind import bag_all, separation
from probe.data.overlap import Seen
from probe.errors import InputError

CALIPER = math.log(1.25)  # of length
_FEWEST = 5  # documents that the blind classifier needs: one for each fold


@dataclass(frozen=True, slots=True)
class Candidate:
    """A document that may be matched. bucket: what must agree, such as its source and the year of its date."""

    name: str
    text: str
    bucket: tuple[str, ...] = ()

    @property
    def length(self) -> float:
        """Log characters."""
        return math.log(1 + len(self.text))


@dataclass(frozen=True, slots=True)
class Balance:
    """length: standardised mean difference of log characters, suspect minus controls; buckets: half the sum of
    differences between the shares of buckets, 0 to 1; blind: AUC of words alone, None for too few documents.
    """

    length: float
    buckets: float
    blind: Figure | None


@dataclass(frozen=True, slots=True)
class Match:
    """pairs: places of a suspect and a pool document; lost: place of a suspect document -> why it has no control."""

    pairs: list[tuple[int, int]]
    lost: dict[int, str]
    copies: int
    before: Balance
    after: Balance | None


def match(suspect: Sequence[Candidate], pool: Sequence[Candidate]) -> Match:
    """Returns the pairs and the balance of all suspect documents with the pool, and of the pairs. Raises InputError."""
    if not suspect or not pool:
        raise InputError("Matching takes suspect documents and a pool; one of the files gives no text.")
    seen = Seen(document.text for document in suspect)
    free = [place for place, document in enumerate(pool) if not seen.shares(document.text)]
    if not free:
        raise InputError("Every pool document shares a run of words with a suspect one; bring another pool.")
    pairs, lost = _pair(suspect, pool, free)
    mine, theirs = ([suspect[i] for i, _ in pairs], [pool[j] for _, j in pairs])
    before = balance(suspect, [pool[place] for place in free])
    return Match(pairs, lost, len(pool) - len(free), before, balance(mine, theirs) if pairs else None)


def balance(suspect: Sequence[Candidate], controls: Sequence[Candidate]) -> Balance:
    one, other = (np.array([document.length for document in side]) for side in (suspect, controls))
    spread = math.sqrt((float(one.var()) + float(other.var())) / 2)
    shares = [Counter(document.bucket for document in side) for side in (suspect, controls)]
    apart = sum(
        abs(shares[0][bucket] / len(suspect) - shares[1][bucket] / len(controls)) for bucket in shares[0] | shares[1]
    )
    blind = None
    if min(len(suspect), len(controls)) >= _FEWEST:
        one_bag, other_bag = (bag_all([document.text for document in side]) for side in (suspect, controls))
        blind = separation(one_bag, other_bag)
    return Balance((float(one.mean()) - float(other.mean())) / spread if spread else 0.0, apart / 2, blind)


def _pair(
    suspect: Sequence[Candidate], pool: Sequence[Candidate], free: Sequence[int]
) -> tuple[list[tuple[int, int]], dict[int, str]]:
    shelves: defaultdict[tuple[str, ...], list[tuple[float, int]]] = defaultdict(list)
    for place in sorted(free, key=lambda place: pool[place].length):
        shelves[pool[place].bucket].append((pool[place].length, place))
    pairs, lost = [], {}
    for number in sorted(range(len(suspect)), key=lambda number: -suspect[number].length):
        wanted = suspect[number]
        shelf = shelves[wanted.bucket]
        nearest = _nearest(shelf, wanted.length)
        if nearest is None:
            where = f" of {', '.join(wanted.bucket)}" if wanted.bucket else ""
            lost[number] = f"no pool document{where} is left"
        elif abs(shelf[nearest][0] - wanted.length) > CALIPER:
            size = round(math.exp(shelf[nearest][0]) - 1)
            lost[number] = f"the nearest one left has {size:,} characters and it has {len(wanted.text):,}"
        else:
            pairs.append((number, shelf.pop(nearest)[1]))
    return sorted(pairs), dict(sorted(lost.items()))


def _nearest(shelf: Sequence[tuple[float, int]], length: float) -> int | None:
    """Returns the place on an ascending shelf that is nearest in length."""
    place = bisect_left(shelf, (length, -1))
    near = [one for one in (place - 1, place) if 0 <= one < len(shelf)]
    return min(near, key=lambda one: abs(shelf[one][0] - length)) if near else None
