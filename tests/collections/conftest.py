"""Passages of the embedded corpus whose membership is known, in random order."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from probe import Text
from probe.demo.locate import find, marks


@dataclass(frozen=True)
class Passages:
    members: list[Text]
    nonmembers: list[Text]


@pytest.fixture(scope="session")
def passages() -> Passages:
    found = find(mark for mark in marks() if mark.split == "test" and mark.role != "planted")
    groups: dict[str, list[Text]] = {"member": [], "nonmember": []}
    for mark, text in sorted(found.items(), key=lambda item: item[1]):
        groups[mark.role].append(Text(text))
    for group in groups.values():
        random.Random(0).shuffle(group)
    return Passages(groups["member"][:150], groups["nonmember"][:250])
