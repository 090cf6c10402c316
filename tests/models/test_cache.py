"""The cache: nothing is computed twice, nothing is mixed up, nothing grows without bound."""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe import open_probe
from probe.config import Settings
from probe.models.base import NO_EXTRAS, Extras, Sampler
from probe.models.cache import Cache, CachedEngine, _pack, _unpack
from probe.models.local import LocalEngine
from probe.types import Tokens, TokenStats, Unscored
from tests.tiny import ASSETS

TEXTS = ["Return the list.", "The iterator yields each key once.", "If the file does not exist, it is made."]


class Counting(LocalEngine):
    """Counts the texts that reach the model."""

    reached = 0

    def score(self, texts: Sequence[Tokens], extras: Extras = NO_EXTRAS) -> list[TokenStats | Unscored]:
        self.reached += len(texts)
        return super().score(texts, extras)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    found = Cache(tmp_path / "cache.sqlite", 1 << 24)
    yield found
    found.close()


def tokens_of(engine: CachedEngine, texts: Sequence[str] = TEXTS) -> list[Tokens]:
    return [entry for entry in engine.tokenize(texts) if isinstance(entry, Tokens)]


def same(one: TokenStats | Unscored, other: TokenStats | Unscored) -> bool:
    assert isinstance(one, TokenStats) and isinstance(other, TokenStats)
    for name in ("logprob", "rank", "mu", "sigma", "top", "sampled", "gradient"):
        a, b = getattr(one, name), getattr(other, name)
        if (a is None) != (b is None) or (a is not None and not np.array_equal(a, b)):
            return False
    return one.windows == other.windows and one.tokens is other.tokens


def test_only_new_texts_reach_the_model(make_model: Callable[[str], Path], cache: Cache) -> None:
    counting = Counting.open(str(make_model("llama")))
    engine = CachedEngine(counting, cache)
    tokens = tokens_of(engine)
    first = engine.score(tokens[:2])
    second = engine.score([tokens[2], tokens[0], tokens[1]])
    assert counting.reached == 3
    assert same(first[0], second[1]) and same(first[1], second[2])
    extras = Extras(top=True, sampler=Sampler(0.7, 4))
    assert same(engine.score(tokens, extras)[0], engine.score(tokens, extras)[0])
    assert counting.reached == 6


def test_other_models_dtypes_and_policies_do_not_share_rows(make_model: Callable[[str], Path], cache: Cache) -> None:
    counted = [
        Counting.open(str(make_model("llama"))),
        Counting.open(str(make_model("llama")), dtype="bfloat16"),
        Counting.open(str(make_model("neox"))),
    ]
    for counting in counted:
        engine = CachedEngine(counting, cache)
        engine.score(tokens_of(engine))
        assert counting.reached == len(TEXTS)


def test_a_warm_cache_loads_no_model(make_model: Callable[[str], Path], tmp_path: Path) -> None:
    where = Settings(home=tmp_path, cache_bytes=1 << 24)
    folder = str(make_model("llama"))
    cold = open_probe(folder, folder, settings=where)(TEXTS)
    warm = open_probe(folder, folder, settings=where)
    for before, after in zip(cold, warm(TEXTS), strict=True):
        assert before.scores == after.scores
    assert isinstance(warm.target, CachedEngine) and isinstance(warm.target._engine, LocalEngine)
    assert warm.target._engine.__dict__.get("network") is None


def test_no_text_is_stored_and_the_file_is_private(make_model: Callable[[str], Path], tmp_path: Path) -> None:
    folder = str(make_model("llama"))
    open_probe(folder, settings=Settings(home=tmp_path, cache_bytes=1 << 24))("zyzzyva is a marker that nobody writes")
    for path in tmp_path.iterdir():
        assert b"zyzzyva" not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0


def test_the_oldest_rows_go_when_it_is_full(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "small.sqlite", 200_000)
    for number in range(400):
        cache.put([(number.to_bytes(20, "big"), 1, bytes(2000))])
    kept = [number for number in range(400) if cache.get([number.to_bytes(20, "big")])]
    assert 50 < len(kept) < 110
    assert kept == list(range(400 - len(kept), 400))
    assert (tmp_path / "small.sqlite").stat().st_size < 300_000
    cache.close()


def test_rows_that_come_many_at_once_leave_no_large_file(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "small.sqlite", 200_000)
    for batch in range(3):
        cache.put([(bytes([batch, number]), 1, bytes(20_000)) for number in range(200)])
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 400_000
    cache.close()


def _fill(path: Path, worker: int) -> None:
    cache = Cache(path, 1 << 24)
    for number in range(60):
        cache.put([(bytes([worker, number]), number, bytes([worker]) * 100)])
        assert cache.get([bytes([worker, number])]) == {bytes([worker, number]): (number, bytes([worker]) * 100)}
    cache.close()


def test_several_processes_share_the_file(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_fill, args=(tmp_path / "shared.sqlite", worker)) for worker in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    cache = Cache(tmp_path / "shared.sqlite", 1 << 24)
    assert len(cache.get([bytes([w, n]) for w in range(3) for n in range(60)])) == 180
    cache.close()


@settings(max_examples=60)
@given(
    n=st.integers(1, 20),
    moments=st.booleans(),
    width=st.integers(0, 5),
    sampled=st.booleans(),
    windows=st.integers(1, 9),
    gradient=st.booleans(),
)
def test_what_is_packed_comes_back(
    n: int, moments: bool, width: int, sampled: bool, windows: int, gradient: bool
) -> None:
    rng = np.random.default_rng(n)
    span = np.arange(n, dtype=np.int32)
    tokens = Tokens(np.arange(n + 1, dtype=np.int32), span, span + 1, has_bos=True)

    def column() -> np.ndarray:
        return rng.normal(size=n).astype(np.float32)

    stats = TokenStats(
        tokens, column(), rng.integers(0, 50_000, n, dtype=np.int32), column() if moments else None,
        column() if moments else None, rng.normal(size=(n, width)).astype(np.float32) if width else None,
        np.where(column() > 0, column(), -np.inf).astype(np.float32) if sampled else None,
        column() if gradient else None, n,
    )  # fmt: skip
    assert same(_unpack(tokens, n, _pack(stats)), stats)


@pytest.mark.parametrize(
    "damage",
    ["substr(value, 1, 10)", "substr(value, 1, length(value) - 4)", "x'00' || substr(value, 2)", "x''", "zeroblob(8)"],
)
def test_a_damaged_row_is_measured_again(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "cache.sqlite"
    engine = CachedEngine(LocalEngine.open(str(ASSETS / "target")), Cache(path, 1 << 20))
    tokens = [entry for entry in engine.tokenize(["The iterator yields each key once."]) if isinstance(entry, Tokens)]
    (before,) = engine.score(tokens)
    with sqlite3.connect(path) as database:
        assert database.execute(f"UPDATE stats SET value = {damage}").rowcount == 1
    database.close()
    (after,) = engine.score(tokens)
    (stored,) = engine.score(tokens)
    for found in (after, stored):
        assert isinstance(before, TokenStats) and isinstance(found, TokenStats)
        np.testing.assert_array_equal(found.logprob, before.logprob)


def test_a_cache_that_cannot_be_used_stops_no_verdict(
    make_model: Callable[[str], Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = str(make_model("llama"))
    expected = open_probe(folder)(TEXTS)
    (tmp_path / "cache.sqlite").write_bytes(b"this is no database at all, but it has the name of one" * 100)
    (tmp_path / "file").touch()
    for home in (tmp_path, tmp_path / "file" / "below"):
        caplog.clear()
        found = open_probe(folder, settings=Settings(home=home, cache_bytes=1 << 24))(TEXTS)
        assert [result.scores for result in found] == [result.scores for result in expected]
        assert "is not used" in caplog.text
