"""A prefix before every text: kept once, it must say what repeating it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.data.windows import Window, cut
from probe.errors import InputError
from probe.models.base import Extras
from probe.models.local import LocalEngine
from probe.models.prefix import merge, weighed
from probe.types import Tokens, TokenStats
from tests.contract import plain

PREFIX = "A list of words that has nothing to do with it, in no order."
TEXTS = ["Return a list.", "x", "The iterator yields each key once, and then it stops.", "naïve “quotes” 😀. " * 6]


def tokens_of(engine: LocalEngine, texts: list[str]) -> list[Tokens]:
    return [entry for entry in engine.tokenize(texts) if isinstance(entry, Tokens)]


def whole(engine: LocalEngine, prefix: list[int], tokens: Tokens) -> np.ndarray:
    """The plain way: prefix and text in one row; the log-probabilities of the text's tokens."""
    ids = np.array([*prefix, *tokens.ids[int(tokens.has_bos) :].tolist()])
    return plain(engine.network.model, Window(ids, len(tokens.ids) - 1))["logprob"]


@pytest.mark.parametrize("shape", ["llama", "gpt2", "neox", "gemma2"])
def test_equals_prefix_and_text_in_one_row(make_model: Callable[[str], Path], shape: str) -> None:
    engine = LocalEngine.open(str(make_model(shape)), dtype="float32")
    (start, *texts) = tokens_of(engine, [PREFIX[:24], *TEXTS[:3]])
    prefix = start.ids.tolist()
    engine.load()
    assert engine.network.shares is (shape != "gemma2")  # which caps its logits, so it is neither packed nor shared
    alone = [engine.score([text])[0] for text in texts]
    for text, bare, found in zip(texts, alone, engine.score(texts, Extras(prefix=tuple(prefix))), strict=True):
        assert isinstance(found, TokenStats) and isinstance(bare, TokenStats)
        np.testing.assert_allclose(found.logprob, whole(engine, prefix, text), atol=2e-4)
        assert len(found.logprob) == len(bare.logprob)
        assert np.abs(found.logprob - bare.logprob).max() > 1e-3


def test_one_token_alone_is_a_prefix(make_model: Callable[[str], Path]) -> None:
    engine = LocalEngine.open(str(make_model("llama")))
    texts = tokens_of(engine, TEXTS[:1])
    (found,) = engine.score(texts, Extras(prefix=(7,)))
    assert isinstance(found, TokenStats)
    np.testing.assert_allclose(found.logprob, whole(engine, [7], texts[0]), atol=2e-4)


def test_a_long_text_behind_a_prefix_has_every_token_scored_once(make_model: Callable[[str], Path]) -> None:
    engine = LocalEngine.open(str(make_model("llama")))
    start, text = tokens_of(engine, [PREFIX, TEXTS[3] * 3])
    (found,) = engine.score([text], Extras(prefix=tuple(start.ids.tolist())))
    assert isinstance(found, TokenStats)
    assert len(found.logprob) == len(text.ids) - 1 and found.windows > 2


def test_a_prefix_that_fills_the_context_is_refused(make_model: Callable[[str], Path]) -> None:
    engine = LocalEngine.open(str(make_model("llama")))
    texts = tokens_of(engine, TEXTS[:1])
    with pytest.raises(InputError, match="shorten it"):
        engine.score(texts, Extras(prefix=tuple(range(engine.context // 2 + 1))))


@settings(max_examples=50)
@given(length=st.integers(2, 60), prefix=st.integers(1, 8), context=st.integers(16, 40), bos=st.booleans())
def test_windows_behind_a_prefix(length: int, prefix: int, context: int, bos: bool) -> None:
    ids = np.arange(100, 100 + length, dtype=np.int32)
    span = np.zeros(length - 1, dtype=np.int32)
    windows = cut(Tokens(ids, span, span, bos), context, range(prefix))
    assert sum(window.scored for window in windows) == length - 1
    for window in windows:
        assert len(window.ids) <= context and window.scored < len(window.ids)
        assert window.ids[:prefix].tolist() == list(range(prefix))
        assert (100 in window.ids) == (not bos and window.ids[prefix] == 100)
    scored = np.concatenate([window.ids[-window.scored :] for window in windows])
    assert scored.tolist() == ids[1:].tolist()


@settings(max_examples=30)
@given(texts=st.integers(1, 9), before=st.integers(1, 9), heads=st.sampled_from([1, 2, 4]), seed=st.integers(0, 9999))
def test_two_attentions_merge_into_one(texts: int, before: int, heads: int, seed: int) -> None:
    torch.manual_seed(seed)
    query = torch.randn(1, 4, texts, 8) * 3
    (k1, v1), (k0, v0) = ((torch.randn(1, heads, n, 8), torch.randn(1, heads, n, 8)) for n in (texts, before))
    own, total = weighed(query, k1, v1, causal=True, scale=None)
    other, before_total = weighed(query, k0, v0, causal=False, scale=None)
    found = merge(own[0].transpose(0, 1), total[0].T, other[0].transpose(0, 1), before_total[0].T)
    k, v = (torch.cat(pair, 2).repeat_interleave(4 // heads, 1) for pair in ((k0, k1), (v0, v1)))
    mask = torch.ones(texts, before + texts).tril(before).bool()
    expected = torch.nn.functional.scaled_dot_product_attention(query, k, v, attn_mask=mask)
    torch.testing.assert_close(found, expected[0].transpose(0, 1), rtol=1e-4, atol=1e-5)
