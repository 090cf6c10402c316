"""The order test: uniform where nothing was read, sharp for a model that read the published order."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe import Probe
from probe.collections.exchangeability import Order, OrderOptions, _shards, judge_order, prefer, sharded
from probe.errors import InputError
from probe.models.base import Engine
from probe.models.local import LocalEngine
from probe.types import Call, Unscored
from tests.collections.conftest import Passages

LINES = [
    "red is a colour", "a cat sat down", "we count to four", "rain fell at noon", "the door was shut",
    "he plays chess", "milk is in the jug", "turn left at the inn", "a song about trees", "it cost two coins",
]  # fmt: skip


@pytest.fixture(scope="module")
def leaked(make_model: Callable[[str], Path]) -> Engine:
    """A tiny model that read LINES over and over, in this order."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from tests.tiny import ASSETS

    engine = LocalEngine.open(str(ASSETS / "reference"))
    (tokens,) = engine.tokenize(["\n".join(LINES)])
    assert not isinstance(tokens, Unscored)
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "llama", vocab_size=engine.vocabulary, hidden_size=64, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=engine.context,
    )  # fmt: skip
    model: Any = AutoModelForCausalLM.from_config(config)
    ids = torch.from_numpy(tokens.ids).long()[None]
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(40):
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return LocalEngine(engine._source, model=model.eval())


def test_a_model_that_read_the_order(leaked: Engine, demo: Probe) -> None:
    found = judge_order(leaked, demo.target, LINES)
    assert (
        found.verdict.call is Call.MEMBER
        and found.target.p_value == 0.01
        and found.verdict.gates["reference"] == "pass"
    )
    alone = judge_order(leaked, None, LINES)
    assert alone.verdict.call is Call.INCONCLUSIVE and "--reference" in alone.verdict.reason
    both = judge_order(leaked, leaked, LINES)
    assert both.verdict.call is Call.INCONCLUSIVE and "carries meaning" in both.verdict.reason
    other = random.Random(1).sample(LINES, len(LINES))
    assert prefer(leaked, other, OrderOptions()).p_value > 0.05


def test_nothing_is_found_where_nothing_was_read(demo: Probe, passages: Passages) -> None:
    texts = [passage.text for passage in passages.nonmembers]
    options = OrderOptions(alpha=0.1, shuffles=9)
    p_values = [prefer(demo.reference or demo.target, texts[3 * i : 3 * i + 3], options).p_value for i in range(25)]
    assert sum(p <= 0.1 for p in p_values) <= 7  # 2.5 expected; more than 7 has probability .002


def test_shards(leaked: Engine) -> None:
    found = prefer(leaked, LINES, OrderOptions(shards=5))
    assert found.shards == 5 and found.examples == 10 and isinstance(found.sharded, Unscored)
    assert sharded(np.array([1.0, 1.2, 0.8] * 5)) == pytest.approx(0, abs=1e-9)
    assert sharded(np.zeros(12)) == 1.0
    swing = sharded(np.array([1.0, -1.0] * 6))
    assert swing == pytest.approx(0.5)


def sizes(engine: Engine, examples: list[str], shards: int) -> list[int]:
    return [len(shard) for shard in _shards(engine, examples, OrderOptions(shards=shards))]


@given(count=st.integers(2, 60), shards=st.integers(1, 30))
def test_as_many_shards_as_asked_for_wherever_there_are_two_examples_each(demo: Probe, count: int, shards: int) -> None:
    examples = [f"number {i}" for i in range(count)]
    if shards > 1 and count < 2 * shards:
        with pytest.raises(InputError, match=f"{shards} shards take {2 * shards} examples.*there are {count}"):
            _shards(demo.target, examples, OrderOptions(shards=shards))
        return
    cut = _shards(demo.target, examples, OrderOptions(shards=shards))
    found = [len(shard) for shard in cut]
    assert [text for shard in cut for text in shard] == examples
    assert sum(size >= 2 for size in found) >= shards  # a last one may stand alone where the context cuts
    assert len(found) > shards or max(found) - min(found) <= 1


def test_the_context_cuts_shards_further(demo: Probe) -> None:
    """Three fill a context only in pairs, so pairs they are; one that fits beside none costs no shard."""
    third = "word " * (demo.target.context // 3 + 1)
    assert sizes(demo.target, [third] * 30, 10) == [2] * 15
    assert sizes(demo.target, [*LINES, "word " * 3000], 5) == [2] * 5 + [1]
    half = "word " * (demo.target.context * 2 // 3)
    found = judge_order(demo.target, None, [*LINES, half, half], OrderOptions(shards=6, alpha=0.1, shuffles=9))
    assert found.target.shards == 5 and "there are 5 shards, not 6" in found.notes[-1]


def test_twelve_shards_of_twenty_five_examples(demo: Probe, passages: Passages) -> None:
    texts = [passage.text for passage in passages.nonmembers[:25]]
    found = prefer(demo.target, texts, OrderOptions(alpha=0.1, shuffles=9, shards=12))
    assert found.shards == 12 and found.examples == 25 and isinstance(found.sharded, float)


def test_turning_every_pair_round_turns_the_sharded_test_round(demo: Probe, passages: Passages) -> None:
    texts = [passage.text for passage in passages.nonmembers[:24]]
    turned = [texts[i ^ 1] for i in range(24)]
    there, back = (
        prefer(demo.target, some, OrderOptions(alpha=0.1, shuffles=9, shards=12)) for some in (texts, turned)
    )
    assert there.shards == back.shards == 12
    assert isinstance(there.sharded, float) and isinstance(back.sharded, float)
    assert 0.01 < there.sharded < 0.99 and there.sharded + back.sharded == pytest.approx(1, abs=1e-3)


def test_a_shuffle_that_is_as_likely_counts(demo: Probe) -> None:
    assert prefer(demo.target, LINES[:1] * 4, OrderOptions(alpha=0.1, shuffles=9)).p_value == 1


def test_what_cannot_be_ordered(demo: Probe) -> None:
    with pytest.raises(InputError, match="two examples"):
        prefer(demo.target, ["one"], OrderOptions())
    with pytest.raises(InputError, match="ask for 99"):
        OrderOptions(shuffles=98)
    with pytest.raises(InputError, match="alpha must lie"):
        OrderOptions(alpha=0)
    with pytest.raises(InputError, match="one shard"):
        OrderOptions(shards=0)
    long = "word " * 3000
    found = judge_order(demo.target, None, [*LINES, long])
    assert found.target.examples == 10 and "1 examples" in found.notes[0]
    assert isinstance(found.target, Order) and found.target.p_value > 0.01
