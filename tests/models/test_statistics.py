"""The kernel against a brute-force computation in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from probe.models import statistics
from probe.models.base import Extras, Sampler
from probe.models.kernel import kernel
from probe.models.statistics import drawn_from, reduce
from probe.models.streaming import TILE, Fold, fold_plainly, multiplies, stream, streams


def brute(logits: torch.Tensor, targets: torch.Tensor) -> dict[str, np.ndarray]:
    logp = logits.double().log_softmax(1)
    p = logp.exp()
    own = logp.gather(1, targets[:, None])
    mu = (p * logp).sum(1)
    var = (p * (logp - mu[:, None]) ** 2).sum(1)
    return {
        "logprob": own[:, 0].numpy(), "mu": mu.numpy(), "sigma": var.sqrt().numpy(),
        "rank": (logits > logits.gather(1, targets[:, None])).sum(1).numpy(),
    }  # fmt: skip


@settings(max_examples=40)
@given(
    rows=st.integers(1, 9), vocabulary=st.integers(2, 400), scale=st.floats(0.01, 30), offset=st.floats(-1000, 1000),
    seed=st.integers(0, 10**6),
)  # fmt: skip
def test_moments_against_brute_force(rows: int, vocabulary: int, scale: float, offset: float, seed: int) -> None:
    torch.manual_seed(seed)
    logits = torch.randn(rows, vocabulary) * scale + offset
    targets = torch.randint(vocabulary, (rows,))
    found, expected = reduce(lambda x: x, logits, targets), brute(logits, targets)
    for name in ("logprob", "mu", "sigma"):
        np.testing.assert_allclose(getattr(found, name).numpy(), expected[name], rtol=2e-4, atol=2e-3)
    assert (found.rank.numpy() == expected["rank"]).all()


def test_moments_are_weighted_by_the_model_itself() -> None:
    """p = (1/2, 1/4, 1/4): mu = -1.5 log 2, sigma = log 2 / 2. An unweighted mean would give -5/3 log 2."""
    logits = torch.tensor([[0.5, 0.25, 0.25]]).log()
    found = reduce(lambda x: x, logits, torch.tensor([1]))
    assert found.mu.item() == pytest.approx(-1.5 * np.log(2), abs=1e-6)
    assert found.sigma.item() == pytest.approx(0.5 * np.log(2), abs=1e-6)
    assert found.logprob.item() == pytest.approx(np.log(0.25), abs=1e-6)


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    head, hidden, targets = torch.nn.Linear(8, 50), torch.randn(70, 8), torch.randint(50, (70,))
    with torch.no_grad():
        whole = reduce(head, hidden, targets)
        monkeypatch.setattr(statistics, "MATMUL_ROWS", 16)
        monkeypatch.setattr(statistics, "_CACHED_FLOATS", 150)
        parts = reduce(head, hidden, targets)
    for name in ("logprob", "mu", "sigma", "rank"):
        torch.testing.assert_close(getattr(whole, name), getattr(parts, name))


def test_reduction_is_in_float32_whatever_the_weights() -> None:
    torch.manual_seed(0)
    logits, targets = (torch.randn(5, 3000) * 3).bfloat16(), torch.randint(3000, (5,))
    found = reduce(lambda x: x, logits, targets)
    assert found.logprob.dtype == torch.float32
    np.testing.assert_allclose(found.mu.numpy(), brute(logits.float(), targets)["mu"], atol=1e-4)


def test_one_possible_token_has_no_spread() -> None:
    found = reduce(lambda x: x, torch.tensor([[500.0, 0.0, 0.0]]), torch.tensor([0]))
    assert (found.logprob.item(), found.mu.item(), found.sigma.item(), found.rank.item()) == (0, 0, 0, 0)


def test_optional_columns() -> None:
    logits = torch.tensor([[4.0, 3.0, 2.0, 1.0, 0.0, -1.0]])
    extras = Extras(top=True, sampler=Sampler(0.5, 2))
    inside = reduce(lambda x: x, logits, torch.tensor([1]), extras)
    outside = reduce(lambda x: x, logits, torch.tensor([2]), extras)
    assert inside.top is not None and inside.sampled is not None and outside.sampled is not None
    torch.testing.assert_close(inside.top[0], logits.log_softmax(1)[0, :5])
    assert inside.sampled.item() == pytest.approx(6.0 - np.log(np.exp(8) + np.exp(6)), abs=1e-6)
    assert outside.sampled.item() == -np.inf


@pytest.fixture(params=["torch", "compiled"])
def fold(request: pytest.FixtureRequest) -> Fold:
    if request.param == "torch":
        return fold_plainly
    compiled = kernel()
    if compiled is None:
        pytest.skip("there is no C compiler here")
    return compiled.fold


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.integers(1, 300), vocabulary=st.integers(2, 2500), scale=st.floats(0.05, 5), bias=st.booleans(),
    seed=st.integers(0, 10**6), narrow=st.booleans(),
)  # fmt: skip
def test_streamed_statistics_against_brute_force(
    fold: Fold, rows: int, vocabulary: int, scale: float, bias: bool, seed: int, narrow: bool
) -> None:
    torch.manual_seed(seed)
    head, hidden = torch.nn.Linear(4, vocabulary, bias=bias), torch.randn(rows, 4) * scale
    targets = torch.randint(vocabulary, (rows,))
    with torch.inference_mode():
        assert streams(head, hidden, Extras())
        found = stream(head.weight, head.bias, hidden, targets.int() if narrow else targets, fold)
        expected = brute(head(hidden), targets)
    for name, column in zip(("logprob", "mu", "sigma"), found[:3], strict=True):
        np.testing.assert_allclose(column.numpy(), expected[name], rtol=2e-4, atol=2e-3)
    assert (np.abs(found[3].numpy() - expected["rank"]) <= 1).all()


def test_both_forms_of_a_tile_agree_on_hard_numbers(fold: Fold) -> None:
    """Nearly equal, far apart, and huge logits; the second tile raises the maximum, the third does not."""
    torch.manual_seed(0)
    tiles = [torch.randn(4, 100) * scale for scale in (1e-3, 40, 1)]
    tiles[1][2] = 3e4
    own, place = tiles[0][:, 7].clone(), torch.full((4,), 7)
    state = torch.zeros(4, 6)
    state[:, 0] = -torch.inf
    for number, tile in enumerate(tiles):
        fold(tile.clone(), own, place - 100 * number, state)
    z = torch.cat(tiles, 1).double()
    u = z - z.amax(1, keepdim=True)
    expected = [z.amax(1), *((u.exp() * u**power).sum(1) for power in range(3)), (z > z[:, 7:8]).sum(1), z[:, 7]]
    torch.testing.assert_close(state.double(), torch.stack(expected, 1).double(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("tile", range(3))
def test_a_logit_that_is_no_number_spoils_its_row_alone(fold: Fold, tile: int) -> None:
    hidden, weight = torch.ones(3, 1), torch.ones(3 * TILE, 1)
    hidden[1] = 0
    weight[tile * TILE + 5] = torch.inf  # 0 * inf
    found = stream(weight, None, hidden, torch.tensor([1, 2, 3]), fold)
    assert not any(torch.isfinite(column[1]) for column in found[:3])
    weight[tile * TILE + 5] = 1
    assert all(torch.isfinite(column).all() for column in stream(weight, None, hidden, torch.tensor([1, 2, 3]), fold))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_narrow_weights_give_float32_logits(fold: Fold, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    weight, hidden = torch.randn(9000, 16).to(dtype), torch.randn(20, 16).to(dtype)
    targets = torch.randint(9000, (20,))
    found, expected = stream(weight, None, hidden, targets, fold), brute(hidden.float() @ weight.float().T, targets)
    tolerance = 0.1 if multiplies(dtype) else 1e-4  # logits of 16 and more come rounded to eight bits
    np.testing.assert_allclose(found[0].numpy(), expected["logprob"], atol=tolerance)


def test_a_sampler_keeps_what_is_as_likely_as_its_last() -> None:
    """As continuations are drawn; temperatures near 0 are greedy."""
    logits = torch.tensor([[5.0, 3.0, 1.0, 5.0]])
    for sampler in (Sampler(top_k=1), Sampler(1e-39), Sampler(1e-46), Sampler(1e-39, 1), Sampler(1e39, 1)):
        found = drawn_from(logits, sampler).log_softmax(1).exp()
        torch.testing.assert_close(found, torch.tensor([[0.5, 0, 0, 0.5]]))
        told = reduce(torch.nn.Identity(), logits, torch.tensor([3]), Extras(sampler=sampler)).sampled
        torch.testing.assert_close(told, torch.tensor([0.5]).log())


def test_the_likeliest_token_has_rank_0_whatever_the_rounding() -> None:
    torch.manual_seed(0)
    head, hidden = torch.nn.Linear(64, 9000, bias=False), torch.randn(500, 64)
    with torch.inference_mode():
        best = head(hidden).argmax(1)
        assert reduce(head, hidden, best).rank.max() == 0
        assert reduce(head, hidden, best.int()).rank.max() == 0


def test_streaming_is_for_plain_linear_heads() -> None:
    head, hidden = torch.nn.Linear(4, 500), torch.randn(3, 4)
    assert streams(head, hidden, Extras())
    assert not streams(head, hidden, Extras(top=True))
    assert not streams(torch.nn.Sequential(head), hidden, Extras())
