"""The known texts of the two embedded calibrations: passages of documentation, and records of fictional strangers.

A third of each is cut to the length of a typed sentence, so that threshold and residual cover 10 tokens and up.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from probe.calibration.known import Known
from probe.demo.passages import shorten
from probe.demo.records import strangers
from probe.demo.roles import Length, Roles
from probe.types import Text

SHORTENED = 3  # one in so many


def known_passages(roles: Roles, length: Length, seed: int) -> Known:
    """Returns members and non-members of a known random split."""
    groups = [
        [Text(passage.text, source=module(passage.place)) for passage in group]
        for kind in (roles.nonmembers, roles.members)
        for group in (kind["calibration"], kind["tuning"])
    ]
    nonmembers, tuning, members, tuning_members = (mixed(group, length, seed) for group in groups)
    return Known(
        nonmembers, members, tuning, tuning_members, strangers(seed)["sentinels"],
        sources=[text.text for group in groups for text in group], basis="split", distinct=True,
    )  # fmt: skip


def module(place: str) -> str:
    """Returns the module that a passage is from, or "topic"."""
    return place.split(":", maxsplit=1)[0].split(".", maxsplit=1)[0]


def known_records(length: Length, seed: int) -> Known:
    """Returns records of people whom no model saw; the planted ones are too few to calibrate on as members."""
    people = strangers(seed)
    nonmembers, tuning = (
        mixed([Text(text) for text in people[use]], length, seed) for use in ("calibration", "tuning")
    )
    sources = people["calibration"] + people["tuning"]
    return Known(
        nonmembers, tuning=tuning, sentinels=people["sentinels"], sources=sources, basis="split", distinct=True
    )


def mixed(texts: Sequence[Text], length: Length, seed: int) -> list[Text]:
    dice = random.Random(seed)
    return [
        replace(text, text=shorten(text.text, length, dice)) if index % SHORTENED == 0 else text
        for index, text in enumerate(texts)
    ]
