"""No score moves with what a text is sent with: every row of the table, on the embedded pair."""

from __future__ import annotations

import pytest

from probe import open_probe
from probe.scores import TABLE
from tests.tiny import ASSETS

TEXTS = [
    "The iterator yields each key once, and then it stops; otherwise the default value is returned.",
    "Return the number of items in the queue.",
    "If the file does not exist, it is made; otherwise its content is lost, and nobody is told of it.",
]
BEFORE = {"nonmembers": ["My grandmother baked plum cakes every September."], "members": ["A lock was not acquired."]}


def test_order_and_company_do_not_matter() -> None:
    probe = open_probe(prefixes=BEFORE, neighbours=str(ASSETS / "reference"))  # type: ignore[arg-type]
    lacking = {name for name, method in TABLE.items() if {"frequencies", "shadows"} & set(method.needs)}
    names = set(TABLE) - lacking  # these read nothing but log-probabilities
    together = probe([*TEXTS[::-1], "", "word " * 20, *TEXTS], scores=names)
    for text, one, other in zip(TEXTS, together[2::-1], together[5:], strict=True):
        (alone,) = probe(text, scores=names)
        for name in names:
            values = [found.scores[name].value for found in (alone, one, other)]
            assert values == pytest.approx([values[0]] * 3, abs=1e-4), name
            assert values[0] is not None or name == "surp", alone.scores[name].reason  # no token surprises it
