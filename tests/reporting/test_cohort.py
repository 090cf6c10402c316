"""A cohort counts each text once, and is the same whatever the order and the repeats."""

from __future__ import annotations

import random

from probe.reporting.cohort import gather
from probe.types import Text
from tests.reporting.conftest import Many


def test_repeats_and_near_copies_count_once(many: Many) -> None:
    texts = many(10)
    near = Text(" ".join(texts[3].text.split()[:16]).upper() + " and others")
    cohort = gather([*texts, texts[0], Text(f" {texts[1].text}\n"), near])
    assert (len(cohort.texts), cohort.given, cohort.copies, cohort.wordless) == (10, 13, 3, 0)
    assert len(cohort.traces) == 11  # the near-copy is not to be reported on later either


def test_order_repeats_and_ids_make_no_other_cohort(many: Many) -> None:
    texts = many(20)
    mixed = random.Random(0).sample([*texts, texts[0]], 21)
    one, other = gather(texts), gather([Text(f"{text.text} ", "id") for text in mixed])
    assert one.key == other.key and [a.text for a in one.texts] == [b.text.strip() for b in other.texts]
    assert gather(texts[1:]).key != one.key


def test_without_a_word_no_copy_could_be_known(many: Many) -> None:
    cohort = gather([*many(3), Text("?!"), Text("?!"), Text("\ud800"), Text("")])
    assert (len(cohort.texts), len(cohort.traces), cohort.copies, cohort.wordless) == (3, 3, 1, 3)
