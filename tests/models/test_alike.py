"""Words that are as likely as each other, and words that are ruled out: the same whatever way the head goes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from probe.models import streaming
from probe.models.base import Extras
from probe.models.head import MatrixUnits
from probe.models.kernel import kernel
from probe.models.statistics import reduce
from probe.models.streaming import fold_plainly, stream
from tests.models.test_statistics import brute
from tests.models.units import in_use, needed

WORDS, EQUAL, WIDTH, ROWS = 3000, 500, 128, 150
FLOAT, NARROW = torch.float32, torch.bfloat16


@pytest.fixture(params=["units", "compiled", "plain", "logits"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """By matrix units or what stands in for them, by tiles and either fold, or by logits that are made first."""
    if request.param == "units":
        with in_use(MatrixUnits, "head", streaming, "matrix_units"):
            yield request.param
        return
    fold = needed(kernel()).fold if request.param == "compiled" else fold_plainly
    monkeypatch.setattr(streaming, "matrix_units", lambda: None)
    monkeypatch.setattr(streaming, "_best_fold", lambda: fold)
    yield request.param


def reduced(
    way: str, weight: torch.Tensor, bias: torch.Tensor | None, hidden: torch.Tensor, own: torch.Tensor
) -> list[np.ndarray]:  # type: ignore[type-arg]
    """Returns logprob, mu, sigma, rank."""
    if way != "logits":
        return [column.numpy() for column in stream(weight, bias, hidden, own)]
    head = torch.nn.Linear(WIDTH, len(weight), bias is not None, dtype=weight.dtype)
    with torch.no_grad():
        head.weight.copy_(weight)
        if bias is not None:
            head.bias.copy_(bias)
        found = reduce(head, hidden, own, Extras(top=True))
    return [getattr(found, name).numpy() for name in ("logprob", "mu", "sigma", "rank")]


def words(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns a weight whose last rows are equal, none of them zero, with columns that stand out; and hidden states."""
    torch.manual_seed(0)
    weight, hidden = torch.randn(WORDS, WIDTH), torch.randn(ROWS, WIDTH)
    weight[:, 3], hidden[:, 3] = 3 * weight[:, 3], 30 * hidden[:, 3]
    weight[-EQUAL:] = weight[0] + 0.3
    return weight.to(dtype), hidden.to(dtype)


@pytest.mark.parametrize("rows", [1, 5, 64, 65, ROWS])
@pytest.mark.parametrize("dtype", [FLOAT, NARROW])
def test_none_of_equal_words_stands_above_another(way: str, dtype: torch.dtype, rows: int) -> None:
    weight, hidden = words(dtype)
    own = torch.arange(rows) % EQUAL + WORDS - EQUAL
    logits = hidden[:rows].double() @ weight.double().T
    expected = (logits > logits.gather(1, own[:, None]) + 1e-9).sum(1).numpy()
    near = (logits - logits.gather(1, own[:, None])).abs() < 1e-3  # what rounding may put there, but for the equal ones
    close = near.sum(1).numpy() - EQUAL
    off = np.abs(reduced(way, weight, None, hidden[:rows], own)[3] - expected)
    if dtype == FLOAT or way == "units":
        assert (off <= close).all()
    else:  # logits of eight bits: others are as likely, too
        assert (off < EQUAL / 4).all()


@pytest.mark.parametrize("way", ["units", "compiled", "plain"], indirect=True)  # else the product is the model's own
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    vocabulary=st.one_of(st.integers(1, 70), st.sampled_from([513, 1025, 2049, 3000])), rows=st.integers(1, 140),
    width=st.sampled_from([7, 32, 96, 100, 768]), dtype=st.sampled_from([FLOAT, NARROW]), turned=st.booleans(),
    biased=st.booleans(), threads=st.integers(1, 3), seed=st.integers(0, 10**6),
)  # fmt: skip
def test_words_that_are_all_equal_are_all_the_first(
    way: str, vocabulary: int, rows: int, width: int, dtype: torch.dtype, turned: bool, biased: bool, threads: int,
    seed: int,
) -> None:  # fmt: skip
    """Of however many, however the weight lies."""
    torch.manual_seed(seed)
    weight = torch.randn(width).repeat(vocabulary, 1).to(dtype)
    weight = weight.T.contiguous().T if turned else weight
    bias = torch.full((vocabulary,), 0.3, dtype=dtype) if biased else None
    hidden, own, before = torch.randn(rows, width).to(dtype), torch.arange(rows) % vocabulary, torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert not stream(weight, bias, hidden, own)[3].any()
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("where", [slice(100, None), slice(0, 2900)], ids=["behind", "before"])
@pytest.mark.parametrize("low", [-1e9, -1e20, -3e38, -torch.inf])
@pytest.mark.parametrize("dtype", [FLOAT, NARROW])
def test_what_is_ruled_out_counts_for_nothing(way: str, dtype: torch.dtype, low: float, where: slice) -> None:
    """A tile may hold nothing else."""
    weight, hidden = words(dtype)
    hidden, bias = hidden / 8, torch.zeros(WORDS, dtype=dtype)
    bias[where] = low
    left = (bias == 0).nonzero()[:, 0]
    own = left[torch.arange(ROWS) % len(left)]
    rounds = dtype == NARROW and way != "units"  # a logit to eight bits
    logits = (hidden @ weight.T if rounds else hidden.double() @ weight.double().T).double()[:, left]
    found, expected = reduced(way, weight, bias, hidden, own), brute(logits, own - left[0])
    for name, column in zip(("logprob", "mu", "sigma"), found, strict=False):
        np.testing.assert_allclose(column, expected[name], rtol=1e-3, atol=0.05 if rounds else 1e-4, err_msg=name)


@pytest.mark.parametrize("vocabulary", [33, 1000, 2049])
@pytest.mark.parametrize("low", [-3e38, -torch.inf])
@pytest.mark.parametrize("dtype", [FLOAT, NARROW])
def test_a_word_that_is_ruled_out_has_the_others_above_it(
    way: str, dtype: torch.dtype, low: float, vocabulary: int
) -> None:
    """And none that there is not."""
    weight, hidden = words(dtype)
    bias = torch.zeros(vocabulary, dtype=dtype)
    bias[vocabulary // 2 :] = low
    own = torch.full((ROWS,), vocabulary - 1)
    found = reduced(way, weight[:vocabulary], bias, hidden, own)
    assert (found[3] == vocabulary // 2).all() and (found[0] < -1e30).all()
    assert np.isfinite(found[1]).all() and np.isfinite(found[2]).all()
