"""What a reader does not see is named, and plain texts of any language are not."""

from __future__ import annotations

import pytest

from probe import open_probe
from probe.data.odd import oddities


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\ufeffA text.", "U+FEFF"), ("soft\u00adhyphen", "U+00AD"), ("a\u00a0b\u200bc", "U+00A0, U+200B"),
        ("p\u0430ssage", "mixes scripts within a word of 7 letters"),
    ],
)  # fmt: skip
def test_what_cannot_be_seen_is_named(text: str, said: str) -> None:
    (warning,) = oddities(text)
    assert said in warning and text not in warning


@pytest.mark.parametrize("text", ["Plain text.", "Пример текста.", "Ein Käse für 3 µg", "例文です。", "naïve café", ""])
def test_other_languages_are_not_odd(text: str) -> None:
    assert oddities(text) == ()


def test_a_result_warns() -> None:
    plain, odd = open_probe()(
        ["Return a new list containing all items.", "Return a new list\u200b containing all items."]
    )
    assert not plain.warnings and "U+200B" in odd.warnings[0]
