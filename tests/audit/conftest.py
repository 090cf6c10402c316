"""A small evaluation of the embedded pair, and the labelled texts that it is of."""

from __future__ import annotations

import pytest

from probe.audit.evaluate import Evaluation, evaluate
from probe.audit.labelled import Entry, Labelled
from probe.demo.locate import find, marks
from probe.pipeline import Probe
from probe.types import Text


@pytest.fixture(scope="session")
def passages() -> list[Entry]:
    """60 members and 60 non-members of the embedded target, in turns."""
    wanted = [entry for entry in marks() if entry.split == "test"]
    groups = [[entry for entry in wanted if entry.role == role][:120] for role in ("member", "nonmember")]
    found = find([entry for group in groups for entry in group])
    texts = [[found[entry] for entry in group if entry in found][:60] for group in groups]
    return [Entry(Text(text), kind == 0) for pair in zip(*texts, strict=True) for kind, text in enumerate(pair)]


@pytest.fixture(scope="session")
def tiny_evaluation(demo: Probe, passages: list[Entry]) -> Evaluation:
    """With a text that cannot be scored, ids that are markup, and rows that were left out."""
    named = [Entry(Text(entry.text.text, f"<b>&{i}"), entry.member) for i, entry in enumerate(passages)]
    texts = (*named, Entry(Text("", "empty"), True))
    return evaluate(
        demo, Labelled(texts, ("a.jsonl, row 3: <i>",)), scores=["loss", "ref", "dcpdd"], fprs=(0.05, 0.001)
    )
