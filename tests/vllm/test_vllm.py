"""The vLLM engine against transformers: make test-vllm, in an environment of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from probe.errors import ModelError
from probe.models.local import LocalEngine
from probe.types import Tokens, TokenStats
from tests.tiny import ASSETS

pytest.importorskip("vllm", reason="vLLM is not installed here: make test-vllm")
from probe.models.vllm import VllmEngine

TEXTS = [
    "Return the number of items in the queue.",
    "emoji 😀 and NUL \0 and naïve “quotes”",
    "x",
    "If the file does not exist, it is made; otherwise its content is lost. " * 20,
]


@pytest.fixture(scope="module")
def engine() -> Iterator[VllmEngine]:
    found = VllmEngine.open(str(ASSETS / "target"), dtype="float32")
    yield found
    found.close()


def scored(engine: VllmEngine | LocalEngine, texts: list[str]) -> list[TokenStats]:
    tokens = [entry for entry in engine.tokenize(texts) if isinstance(entry, Tokens)]
    found = [entry for entry in engine.score(tokens) if isinstance(entry, TokenStats)]
    assert len(found) == len(texts)
    return found


def test_all_statistics_equal_the_local_engine_s(engine: VllmEngine) -> None:
    local = LocalEngine.open(str(ASSETS / "target"), dtype="float32")
    local.context = engine.context
    for text, found, expected in zip(TEXTS, scored(engine, TEXTS), scored(local, TEXTS), strict=True):
        for name in ("logprob", "mu", "sigma"):
            np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-3, err_msg=text[:20])
        assert (np.abs(found.rank - expected.rank) <= 2).all()
        assert found.windows == expected.windows
    assert engine.identity.engine == "vllm/pooling" and engine.warnings == ()


def test_order_and_company_do_not_matter(engine: VllmEngine) -> None:
    alone = [scored(engine, [text])[0] for text in TEXTS]
    for one, other in zip(alone, scored(engine, TEXTS[::-1])[::-1], strict=True):
        np.testing.assert_allclose(one.logprob, other.logprob, atol=1e-4)


def test_nothing_to_score_is_nothing(engine: VllmEngine) -> None:
    assert engine.score([]) == []


def test_heads_too_small_for_its_cpu_attention_are_refused(shared: Path) -> None:
    with pytest.raises(ModelError, match="use the local engine"):
        VllmEngine.open(str(shared / "models" / "stories260K")).load()
