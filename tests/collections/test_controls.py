"""The control-set builder: what it matches, what it refuses to, and the balance it reports."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.collections.controls import CALIPER, Candidate, balance, match
from probe.collections.files import Fields, candidate, documents
from probe.errors import InputError


def texts(lengths: list[int], bucket: str = "", kind: str = "w") -> list[Candidate]:
    """Documents of these many characters, no two alike."""
    dice = random.Random(f"{kind}{bucket}")
    made = []
    for number, length in enumerate(lengths):
        words = "".join(f"{kind}{dice.randrange(10**6)} " for _ in range(length // 3 + 1))
        made.append(Candidate(f"{kind}{number}", words[:length], (bucket,) if bucket else ()))
    return made


def test_nearest_in_length_within_the_bucket() -> None:
    suspect = [*texts([100, 200], "a", "s"), *texts([300], "b", "t"), *texts([100], "c", "u")]
    pool = [*texts([205, 500, 99, 98], "a", "p"), *texts([100], "b", "q")]
    found = match(suspect, pool)
    assert found.pairs == [(0, 2), (1, 0)]
    assert found.lost == {
        2: "the nearest one left has 100 characters and it has 300", 3: "no pool document of c is left",
    }  # fmt: skip
    assert found.after is not None and found.after.buckets == 0 < found.before.buckets
    assert abs(found.after.length) < abs(found.before.length)


def test_the_longest_choose_first() -> None:
    found = match(texts([100, 110], kind="s"), texts([112], kind="p"))
    assert found.pairs == [(1, 0)] and found.lost == {0: "no pool document is left"}


def test_a_copy_of_a_suspect_is_no_control() -> None:
    suspect = texts([400], kind="s")
    copied = Candidate("copy", suspect[0].text + " and more")
    assert match(suspect, [copied, *texts([401], kind="p")]).copies == 1
    with pytest.raises(InputError, match="Every pool document"):
        match(suspect, [copied])
    with pytest.raises(InputError, match="gives no text"):
        match(suspect, [])


def test_a_shifted_pool_is_mended() -> None:
    dice = random.Random(0)
    words = {"old": "sword castle knight horse king", "new": "phone screen cloud server pixel"}

    def made(kind: str, name: str) -> Candidate:
        body = " ".join(f"{dice.choice(words[kind].split())} {name}{dice.randrange(10**9)}" for _ in range(20))
        return Candidate(name, body, (kind,))

    suspect = [made("old", f"s{number}x") for number in range(60)]
    pool = [made("new" if number % 4 else "old", f"p{number}x") for number in range(400)]
    suspect[0] = made("new", "s0x")
    found = match(suspect, pool)
    assert found.before.blind is not None and found.after is not None and found.after.blind is not None
    assert found.before.blind.value > 0.8 > 0.65 > found.after.blind.low
    assert len(found.pairs) == 60 and found.before.buckets == pytest.approx(59 / 60 - 0.25)


@given(st.lists(st.integers(20, 900), min_size=1, max_size=15), st.lists(st.integers(20, 900), min_size=1, max_size=25))
def test_pairs_are_one_to_one_and_within_the_caliper(mine: list[int], theirs: list[int]) -> None:
    suspect, pool = texts(mine, kind="s"), texts(theirs, kind="p")
    found = match(suspect, pool)
    assert len({place for _, place in found.pairs}) == len(found.pairs)
    assert sorted([number for number, _ in found.pairs] + list(found.lost)) == list(range(len(suspect)))
    assert all(abs(suspect[i].length - pool[j].length) <= CALIPER for i, j in found.pairs)


def test_balance_of_length_by_hand() -> None:
    """Twice as long, and log characters of each side stand log 2 from their mean: one standard deviation."""
    longer, shorter = texts([99, 399]), texts([49, 199])
    assert balance(longer, shorter).length == pytest.approx(1)
    assert balance(shorter, longer).length == pytest.approx(-1)


def test_balance_of_the_same() -> None:
    same = texts([50, 60, 70])
    assert balance(same, same).length == balance(same, same).buckets == 0 and balance(same, same).blind is None
    assert balance(same[:1], same[:1]).length == 0


def test_rows_with_bad_fields_are_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"text": "a", "source": "d", "site": "s", "date": "2024-05-06"}\n{"text": "b", "source": "d", "site": "s", '
        '"date": "2025"}\n{"text": "c", "date": "2024"}\n{"text": "d", "site": "s", "date": "soon"}\n{broken\n"bare"\n'
    )
    fields = Fields(match=("site",), date="date")
    found, broken = documents(path, fields)
    assert [candidate(document, fields) for document in found] == [Candidate("d", "a\nb", ("s", "2024"))]
    assert len(broken) == 4 and 'nothing under "site"' in broken[0] and "no year" in broken[1]
    assert "row 5: invalid JSON" in broken[2]
    table = tmp_path / "rows.csv"
    table.write_bytes(b"text,source,note\na,d,fine\nb,d,\xff\n")
    found, broken = documents(table, Fields())
    assert len(found) == 1 and broken == [f'{table}, row 2: invalid UTF-8 under "note"']
    with pytest.raises(InputError, match="not century"):
        Fields(within="century")
