"""The engines of this environment keep the contract; tests/vllm holds those that need vLLM."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from probe.models.base import Engine
from probe.models.cache import Cache, CachedEngine
from probe.models.local import LocalEngine
from tests.contract import MODEL, TEXTS, Contract, expected, scored


class TestLocal(Contract):
    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls) -> Engine:
        return LocalEngine.open(MODEL, dtype="float32")


class TestPadded(Contract):
    """As models are run whose attention cannot be packed."""

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls) -> Engine:
        engine = LocalEngine.open(MODEL, dtype="float32", batch_tokens=300)
        engine.network.__dict__["packs"] = False
        return engine


class TestCached(Contract):
    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
        cache = Cache(tmp_path_factory.mktemp("cache") / "cache.sqlite", 1 << 24)
        yield CachedEngine(LocalEngine.open(MODEL, dtype="float32"), cache)
        cache.close()

    def test_what_is_stored_is_the_same(self, engine: Engine, tmp_path: Path) -> None:
        first, second = scored(engine, TEXTS), scored(engine, TEXTS)
        for one, other in zip(first, second, strict=True):
            self.agrees(other, expected(one.tokens, engine.context))
            assert (one.logprob == other.logprob).all()

    def test_a_prefix_is_part_of_what_a_row_is_stored_under(self, engine: Engine) -> None:
        for _ in range(2):
            self.test_a_prefix_is_context_for_every_text(engine)
            self.test_values_equal_transformers(engine)
