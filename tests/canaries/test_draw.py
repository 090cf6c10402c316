"""Drawing: fair, of alternatives that differ, made again from the secret alone; and what cannot be drawn."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.canaries.draw import Canary, draw, draw_variants, rebuild
from probe.canaries.secret import as_bytes, parse
from probe.canaries.template import TEMPLATES, fillings
from probe.canaries.variants import Variants, read_variants
from probe.canaries.words import WORDS
from probe.errors import InputError

KEY = bytes(range(32))


def test_words_are_plain_and_differ() -> None:
    assert len(set(WORDS)) == len(WORDS) == 256 and all(re.fullmatch("[a-z]+", word) for word in WORDS)


def test_fillings_are_the_same_for_ever() -> None:
    assert list(islice(fillings("{word}-{digit}{digit}", ("red", "blue", "green"), KEY, 3), 4)) == [
        "red-16", "blue-34", "green-70", "green-51",
    ]  # fmt: skip


def test_alternatives_differ_in_their_slots_alone_and_come_from_the_secret() -> None:
    secret = draw(7, 20)
    canaries = rebuild(secret)
    texts = [text for canary in canaries for text in canary.texts]
    assert len(set(texts)) == len(texts) == 7 * 21 and len({canary.id for canary in canaries}) == 7
    for canary, template in zip(canaries, TEMPLATES * 2, strict=False):
        form = re.escape(template).replace(r"\{word\}", "[a-z]+").replace(r"\{digit\}", "[0-9]")
        assert all(re.fullmatch(form, text) for text in canary.texts) and canary.planted in canary.texts
    assert rebuild(parse(as_bytes(secret))) == canaries
    assert rebuild(draw(7, 20)) != canaries


def test_no_text_comes_twice_where_there_are_few() -> None:
    texts = [text for canary in rebuild(draw(4, 24, ["Number {digit}{digit}{digit}."])) for text in canary.texts]
    assert len(set(texts)) == len(texts) == 100


def test_each_alternative_is_as_likely_to_be_drawn() -> None:
    drawn = Counter(one.drawn for one in draw(4000, 3).canaries)
    assert set(drawn) == {0, 1, 2, 3} and all(abs(count - 1000) < 6 * 27.4 for count in drawn.values())
    chosen = Counter(
        one.drawn for one in draw_variants([Variants(f"{i}", ("a", "b", "c")) for i in range(3000)]).canaries
    )
    assert all(abs(count - 1000) < 6 * 25.9 for count in chosen.values())


@given(size=st.integers(2, 60), alternatives=st.integers(1, 80))
def test_fewer_alternatives_are_as_fair(size: int, alternatives: int) -> None:
    """Whatever is left of a canary's alternatives, each of these was as likely to be drawn."""
    texts = tuple(map(str, range(size)))
    places: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for drawn in range(size):
        found = Canary("one", texts, drawn).among(alternatives)
        assert found.planted == str(drawn) and len(found.texts) <= alternatives + 1
        places[found.texts].append(found.drawn)
    assert all(sorted(drawn) == list(range(len(block))) for block, drawn in places.items())
    assert sorted(text for block in places for text in block) == sorted(texts)
    assert max(map(len, places)) - min(map(len, places)) <= 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0, 9), "one canary at least"),
        ((1, 0), "one alternative to it"),
        ((3000, 999), "ask for fewer"),
        ((2, 9, ["no slot"]), "too few slots"),
        ((2, 99, ["Number {digit}{digit}."]), "too few slots to give 200 texts"),
        ((2, 9, ["The {words}."]), "no other braces"),
        ((2, 9, ["{word} {word} \ud800"]), "no other braces"),
    ],
)
def test_what_cannot_be_drawn(arguments: tuple[int, int, list[str]], words: str) -> None:
    with pytest.raises(InputError, match=words):
        draw(*arguments)


def test_wordings_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "v.jsonl"
    rows = [
        {"id": "one", "texts": [" First wording. ", "Second wording."]}, {"texts": ["a", "b", "c"]},
        {"id": "one", "texts": ["x", "y"]}, {"id": "two", "texts": ["x", "x "]}, {"id": "three", "texts": "x"},
        {"id": "four", "texts": ["x", ""]}, {"id": "\ud800", "texts": ["x", "y"]}, {"id": "five", "texts": ["x", 1]},
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "no json\n")
    found, broken = read_variants(path)
    assert found == [Variants("one", ("First wording.", "Second wording.")), Variants("row-2", ("a", "b", "c"))]
    assert [re.findall(r"row (\d)", line)[0] for line in broken] == list("3456789")
    canaries = rebuild(parse(as_bytes(draw_variants(found))))
    assert [canary.texts for canary in canaries] == [row.texts for row in found]
    (tmp_path / "none.jsonl").write_text('{"id": "x"}\n')
    with pytest.raises(InputError, match=r"No row gives wordings.*row 1: no list of strings"):
        read_variants(tmp_path / "none.jsonl")
    with pytest.raises(InputError, match="No file"):
        read_variants(tmp_path / "typo.jsonl")
