"""Known texts are sorted out before they are scored: copies, leaks between groups, texts of a prefix."""

from __future__ import annotations

import numpy as np
import pytest

from probe.calibration.known import Known, sort_out
from probe.data.overlap import index
from probe.errors import CalibrationError
from probe.prefixes import NO_PREFIXES, Prefixes
from probe.types import Text


def numbered(begin: int, count: int = 30) -> str:
    return " ".join(f"w{number}" for number in range(begin, begin + count))


FRESH = [numbered(1000 * number) for number in range(1, 40)]


def test_near_copies_within_a_group_are_left_out_the_first_stays() -> None:
    copy, phrase = (
        "But " + FRESH[0],
        numbered(1000, 20) + " and then something else that nobody wrote before this very day",
    )
    groups = sort_out(Known([FRESH[0], copy, phrase, *FRESH[1:5]]), NO_PREFIXES, 0)
    assert [text.text for text in groups.nonmembers] == [FRESH[0], phrase, *FRESH[1:5]]
    assert groups.notes == ("1 near-copies within a group were left out",)


def test_a_nonmember_that_copies_a_member_goes_and_the_member_stays() -> None:
    leak = "Quoted: " + numbered(1000, 20)
    groups = sort_out(
        Known([leak, *FRESH[1:4]], members=[FRESH[0]], tuning=["Again, " + FRESH[2], FRESH[9]]), NO_PREFIXES, 0
    )
    assert [text.text for text in groups.nonmembers] == FRESH[1:4]
    assert [text.text for text in groups.members] == FRESH[:1]
    assert [text.text for text in groups.tuning] == [FRESH[9]]
    assert groups.notes == ("2 texts that share a run of words with another group were left out",)


def test_what_was_made_distinct_by_a_stricter_rule_is_taken_as_it_is() -> None:
    assert len(sort_out(Known([FRESH[0], FRESH[0] + " more"], distinct=True), NO_PREFIXES, 0).nonmembers) == 2


def test_texts_of_a_prefix_calibrate_nothing() -> None:
    prefixes = Prefixes({"nonmembers": (1, 2, 3)}, {"nonmembers": index([FRESH[0]])})
    groups = sort_out(Known(FRESH[:3]), prefixes, 0)
    assert [text.text for text in groups.nonmembers] == FRESH[1:3]
    assert groups.notes == ("1 texts that share a run of words with a prefix were left out",)


def test_the_same_text_in_two_groups_is_refused() -> None:
    with pytest.raises(CalibrationError, match="1 texts are among the non-members and the tuning members"):
        sort_out(Known(FRESH[:3], tuning_members=[f" {FRESH[0]}\n"]), NO_PREFIXES, 0)


def test_a_seventh_tunes_where_no_tuning_texts_are_given_and_that_is_enough() -> None:
    many = [numbered(10_000 * number) for number in range(1, 351)]
    groups = sort_out(Known(many), NO_PREFIXES, 0)
    assert (len(groups.tuning), len(groups.nonmembers)) == (50, 300)
    assert {text.text for text in groups.tuning + groups.nonmembers} == set(many)
    assert (len(sort_out(Known(many[:349]), NO_PREFIXES, 0).tuning)) == 0
    assert [text.text for text in sort_out(Known(many, tuning=FRESH[:9]), NO_PREFIXES, 0).nonmembers] == many


def test_sources_stay_with_their_texts_and_marks_choose_among_them() -> None:
    groups = sort_out(Known([Text(text, source=str(i)) for i, text in enumerate(FRESH[:3])]), NO_PREFIXES, 0)
    kept = groups.keep(np.array([True, False, True]), np.zeros(0, bool))
    assert [text.source for text in kept.nonmembers] == ["0", "2"] and kept.members == []
