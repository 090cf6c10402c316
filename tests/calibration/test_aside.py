"""Known non-members are dealt by chance to two uses, each to one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from probe.calibration.aside import set_aside
from probe.calibration.known import Known
from probe.types import Text


@given(st.integers(0, 300), st.floats(0, 1), st.integers(0, 9))
def test_every_text_has_one_use_and_the_seed_says_which(count: int, share: float, seed: int) -> None:
    texts = [Text(str(number), source=str(number % 3)) for number in range(count)]
    known = Known(texts, ["a member"], ["a tuning text"], basis="split")
    aside, rest = set_aside(known, share, seed)
    assert len(aside) == round(count * share)
    left = [text for text in rest.nonmembers if isinstance(text, Text)]
    assert len(left) == len(rest.nonmembers) and sorted([*aside, *left], key=lambda text: int(text.text)) == texts
    assert (rest.members, rest.tuning, rest.basis) == (["a member"], ["a tuning text"], "split")
    assert set_aside(known, share, seed) == (aside, rest)


def test_it_is_drawn_by_chance_and_not_in_order() -> None:
    aside, rest = set_aside(Known([str(number) for number in range(100)]))
    places = [int(text.text) for text in aside]
    assert len(places) == 40 and len(rest.nonmembers) == 60
    assert places != sorted(places) and min(places) < 20 and max(places) >= 80
    assert set_aside(Known([str(number) for number in range(100)]), seed=1)[0] != aside
