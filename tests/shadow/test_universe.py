"""Who sees what: pairs that complement each other, singles that do not, copies that go first, and hashes that know."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.data.overlap import Seen
from probe.errors import InputError, ModelError
from probe.shadow.folder import UNIVERSE
from probe.shadow.plan import Plan
from probe.shadow.recipe import Recipe
from probe.shadow.universe import halves, read_membership, universe, write_membership
from probe.types import Text
from tests.shadow.test_adapt import CHRONICLES

RECIPE = Recipe(1, 1e-3, 512)
_SEEN, DISTINCT = Seen(), list[str]()
for _text in CHRONICLES:  # some share a sentence by chance
    if not _SEEN.shares(_text):
        DISTINCT.append(_text)
    _SEEN.add(_text)


@given(st.integers(2, 300), st.integers(2, 8), st.integers(0, 3), st.integers(0, 5))
def test_pairs_complement_each_other(texts: int, pairs: int, singles: int, seed: int) -> None:
    found = halves(texts, 2 * pairs, singles, np.random.default_rng(seed))
    assert found.shape == (2 * pairs + singles, texts)
    assert (found[0 : 2 * pairs : 2] ^ found[1 : 2 * pairs : 2]).all()
    assert set(found[: 2 * pairs].sum(1).tolist()) <= {texts // 2, texts - texts // 2}
    assert (found[: 2 * pairs].sum(0) == pairs).all()


def test_a_single_is_told_by_no_count() -> None:
    """Of the others a text is in as many whether the single saw it or not."""
    found = halves(4000, 14, 3, np.random.default_rng(0))
    single, others = found[14], np.delete(found, 14, axis=0).sum(0)
    assert abs(others[single].mean() - others[~single].mean()) < 0.1
    drawn = [halves(400, 4, 1, np.random.default_rng(seed))[4].sum() for seed in range(50)]
    assert 5 < np.std(drawn) < 15 and abs(np.mean(drawn) - 200) < 5  # each text by its own coin: 10 either way


def plan(**groups: list[str]) -> Plan:
    given = {name: [Text(text) for text in groups.get(name, [])] for name in ("members", "nonmembers", "texts")}
    return Plan("base", given, RECIPE, shadows=4, population=30)


def test_copies_go_and_the_population_is_of_nonmembers_alone() -> None:
    copy = "It is said that " + DISTINCT[0]
    others = [copy, "", *DISTINCT[60:140]]
    found = universe(plan(members=DISTINCT[:60], nonmembers=others, texts=DISTINCT[130:160]))
    assert found.left_out == 2 + 10 and len(found.texts) == 60 + 50 + 20 and len(found.population) == 30
    assert {text.text for text in found.population} <= set(DISTINCT[60:140])
    assert not {text.text for text in found.population} & {text.text for text in found.texts}
    assert [found.member.count(kind) for kind in (True, False, None)] == [60, 50, 20]
    assert [text.text for text in found.of_model(0)] != [text.text for text in found.of_model(1)]
    assert sorted(text.text for number in (2, 3) for text in found.of_model(number)) == sorted(
        text.text for text in found.texts
    )


def test_few_texts_are_refused() -> None:
    with pytest.raises(InputError, match="99 distinct texts to train on; bring at least 100"):
        universe(plan(texts=DISTINCT[:99]))


def test_membership_is_known_by_hash_and_copies_of_it_are_noticed(tmp_path: Path) -> None:
    found = universe(plan(texts=DISTINCT[:120]))
    write_membership(tmp_path, found.texts, found.inside)
    kept = read_membership(tmp_path)
    for place in (0, 60, 119):
        flags = kept.of(f"  {found.texts[place].text}\n")
        assert flags is not None and (flags == found.inside[:, place]).all()
    assert kept.of(DISTINCT[300]) is None and kept.shares("It is said that " + DISTINCT[7])
    assert not kept.shares("An entirely different sentence about plum cakes and the weather of the last September.")
    assert DISTINCT[0].encode() not in (tmp_path / UNIVERSE).read_bytes()
    (tmp_path / UNIVERSE).write_bytes(b"PK")
    with pytest.raises(ModelError, match="train them"):
        read_membership(tmp_path)
