"""The vLLM engine in process keeps the contract: make test-vllm, in an environment of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from probe.errors import ModelError
from probe.models.base import NO_EXTRAS, Engine, Extras
from probe.models.cache import Cache, CachedEngine, _keys
from probe.types import TokenStats, Unscored
from tests.contract import MODEL, PREFIX, TEXTS, Contract, expected, scored, tokens_of

pytest.importorskip("vllm", reason="vLLM is not installed here: make test-vllm")
from probe.models.vllm import VllmEngine


class TestVllm(Contract):
    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls) -> Iterator[VllmEngine]:
        found = VllmEngine.open(MODEL, dtype="float32")
        yield found
        found.close()

    def test_all_statistics_come_from_the_worker(self, engine: VllmEngine) -> None:
        engine.load()
        assert engine.identity.engine == "vllm/pooling" and engine.warnings == ()

    @pytest.mark.parametrize("length", [31, 32, 33, 64])
    def test_a_prefix_of_whole_blocks_is_no_less_right(self, engine: VllmEngine, length: int) -> None:
        """vLLM keeps whole blocks of 32 tokens: where the prefix fills them, the last row is not computed again."""
        ids = tokens_of(engine, [PREFIX * 8])[0].ids[:length]
        texts = tokens_of(engine, [*TEXTS[:2], *TEXTS[:2]])  # copies: the second finds the first one's blocks
        for text, found in zip(texts, engine.score(texts, Extras(prefix=tuple(ids.tolist()))), strict=True):
            assert isinstance(found, TokenStats)
            self.agrees(found, expected(text, engine.context, tuple(ids.tolist())))

    def test_an_id_that_the_model_lacks_costs_no_other_text(self, engine: VllmEngine) -> None:
        good, bad = tokens_of(engine, TEXTS[:2])
        ids = bad.ids.copy()
        ids[-1] = 10**6
        first, second = engine.score([good, replace(bad, ids=ids)])
        assert isinstance(first, TokenStats)
        assert isinstance(second, Unscored) and "ids that the model does not have" in second.reason

    def test_a_vllm_that_ended_is_started_anew(self, engine: VllmEngine) -> None:
        (text,) = tokens_of(engine, TEXTS[:1])
        engine.load()
        engine._llm.llm_engine.engine_core.shutdown()
        (lost,) = engine.score([text])
        assert isinstance(lost, Unscored) and "starts anew" in lost.reason
        (found,) = engine.score([text])
        assert isinstance(found, TokenStats)
        self.agrees(found, expected(text, engine.context))


class TestFallback(Contract):
    """What is left where the worker gives no statistics, here because vLLM is told to load no plugin."""

    moments = False

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
        cache = Cache(tmp_path_factory.mktemp("cache") / "cache.sqlite", 1 << 24)
        inner = VllmEngine.open(MODEL, dtype="float32")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("VLLM_PLUGINS", "none_of_that_name")
            (first,) = scored(CachedEngine(inner, cache), TEXTS[:1])  # asks the cache before the route is settled
        assert first.mu is None
        yield CachedEngine(inner, cache)
        inner.close()
        cache.close()

    def test_it_says_so(self, engine: Engine) -> None:
        assert engine.identity.engine == "vllm/prompt_logprobs"
        assert "log-probabilities only" in engine.warnings[-1]

    def test_its_rows_are_stored_under_its_own_name(self, engine: Engine) -> None:
        assert isinstance(engine, CachedEngine)
        tokens, cache = tokens_of(engine, TEXTS[:1]), engine._cache
        pooling = replace(engine.identity, engine="vllm/pooling")
        assert not cache.get(_keys(pooling, NO_EXTRAS, tokens))
        assert cache.get(_keys(engine.identity, NO_EXTRAS, tokens))


def test_heads_too_small_for_its_cpu_attention_are_refused(shared: Path) -> None:
    with pytest.raises(ModelError, match="use the local engine"):
        VllmEngine.open(str(shared / "models" / "stories260K")).load()
