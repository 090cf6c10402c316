"""The kernels of CUDA devices against a brute-force computation in float64: on a device where there is one, else in
Triton's interpreter.
"""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from probe.models.base import NO_EXTRAS, Extras
from probe.models.cuda import HALVES, Blocks, agree, blocks_of
from probe.models.statistics import Columns, reduce, reduce_by_blocks
from tests.models.test_statistics import brute

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
SLOW = settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def blocks() -> Blocks:
    pytest.importorskip("triton", reason="Triton runs on Linux alone")
    from probe.models import blocks

    return Blocks(blocks, wide=DEVICE.type == "cpu")


def _linear(weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.nn.Linear:
    head = torch.nn.Linear(weight.shape[1], len(weight), bias=bias is not None, device=DEVICE, dtype=weight.dtype)
    with torch.no_grad():
        head.weight.copy_(weight)
        if bias is not None:
            head.bias.copy_(bias)
    return head.requires_grad_(False)


def _like(found: Columns, logits: torch.Tensor, targets: torch.Tensor, near: float) -> None:
    expected = brute(logits, targets)
    for name in ("logprob", "mu", "sigma"):
        np.testing.assert_allclose(getattr(found, name).cpu().numpy(), expected[name], rtol=1e-4, atol=1e-3)
    own = logits.gather(1, targets[:, None])
    close = ((logits - own).abs() <= near).sum(1).numpy() - 1  # what rounding may put on either side
    assert (np.abs(found.rank.cpu().numpy() - expected["rank"]) <= close).all()


@SLOW
@given(
    rows=st.integers(1, 5), vocabulary=st.integers(2, 9000), scale=st.floats(0.05, 20), offset=st.floats(-300, 300),
    dtype=st.sampled_from([torch.float32, *HALVES]), seed=st.integers(0, 10**6),
)  # fmt: skip
def test_logits_are_reduced(
    blocks: Blocks, rows: int, vocabulary: int, scale: float, offset: float, dtype: torch.dtype, seed: int
) -> None:
    torch.manual_seed(seed)
    logits = (torch.randn(rows, vocabulary) * scale + offset).to(dtype)
    targets = torch.randint(vocabulary, (rows,))
    found = reduce_by_blocks(blocks, lambda hidden: hidden, logits.to(DEVICE), targets.to(DEVICE), top=True)
    _like(found, logits.double(), targets, 0)
    best = logits.double().log_softmax(1).topk(min(5, vocabulary), dim=1).values
    assert found.top is not None
    np.testing.assert_allclose(found.top.cpu().numpy(), best.numpy(), rtol=1e-4, atol=1e-3)


@SLOW
@given(
    rows=st.integers(1, 150), vocabulary=st.integers(2, 700), width=st.integers(1, 150), scale=st.floats(0.05, 3),
    bias=st.booleans(), dtype=st.sampled_from(HALVES), seed=st.integers(0, 10**6),
)  # fmt: skip
def test_a_head_is_multiplied_and_reduced(
    blocks: Blocks, rows: int, vocabulary: int, width: int, scale: float, bias: bool, dtype: torch.dtype, seed: int
) -> None:
    torch.manual_seed(seed)
    weight, hidden = torch.randn(vocabulary, width).to(dtype), (torch.randn(rows, width) * scale).to(dtype)
    shift = torch.randn(vocabulary).to(dtype) if bias else None
    targets = torch.randint(vocabulary, (rows,))
    found = reduce_by_blocks(blocks, _linear(weight, shift), hidden.to(DEVICE), targets.to(DEVICE))
    logits = hidden.double() @ weight.double().T + (0 if shift is None else shift.double())
    _like(found, logits, targets, 1e-3)


def test_a_vocabulary_in_many_spans(blocks: Blocks) -> None:
    """One block of rows is spread over the device: what each program found is added up."""
    torch.manual_seed(0)
    weight, hidden = torch.randn(20_000, 32).bfloat16(), torch.randn(3, 32).bfloat16()
    targets = torch.tensor([0, 19_999, 777])
    found = reduce_by_blocks(blocks, _linear(weight), hidden.to(DEVICE), targets.to(DEVICE))
    _like(found, hidden.double() @ weight.double().T, targets, 1e-3)


def test_words_that_cannot_come(blocks: Blocks) -> None:
    """A logit of minus infinity counts for nothing, and one that is not a number spoils its row alone."""
    logits = torch.randn(3, 9000)
    logits[0, :5000] = -torch.inf
    logits[1, 7000] = torch.nan
    targets = torch.tensor([8000, 1, 2])
    logprob, mu, sigma, _ = (one.cpu() for one in blocks.of_logits(logits.to(DEVICE), targets.to(DEVICE)))
    assert torch.stack([logprob, mu, sigma])[:, 1].isnan().all()
    left = brute(logits[0, 5000:].double()[None], targets[:1] - 5000)
    np.testing.assert_allclose(
        [logprob[0], mu[0], sigma[0]], [left[name][0] for name in ("logprob", "mu", "sigma")], rtol=1e-4
    )
    assert torch.isfinite(torch.stack([logprob, mu, sigma])[:, 2]).all()


def test_the_likeliest_word_ranks_first(blocks: Blocks) -> None:
    torch.manual_seed(1)
    weight, hidden = torch.randn(500, 64).bfloat16(), torch.randn(40, 64).bfloat16()
    best = (hidden.float() @ weight.float().T).argmax(1)
    assert not reduce_by_blocks(blocks, _linear(weight), hidden.to(DEVICE), best.to(DEVICE)).rank.any()


def test_they_are_compared_with_torch_before_they_are_used(blocks: Blocks) -> None:
    assert agree(blocks, DEVICE)
    with pytest.raises(ValueError, match="keeps 8"):
        blocks.of_logits(torch.zeros(1, 9, device=DEVICE), torch.zeros(1, dtype=torch.long, device=DEVICE), 9)


def test_a_processor_goes_another_way() -> None:
    assert blocks_of(torch.device("cpu")) is None
    logits, targets = torch.randn(4, 50), torch.arange(4)
    for extras in (NO_EXTRAS, Extras(top=True)):
        _like(reduce(lambda hidden: hidden, logits, targets, extras), logits.double(), targets, 0)


def test_they_compile_for_devices_that_are_not_here() -> None:
    """The interpreter takes what the compiler does not."""
    pytest.importorskip("triton", reason="Triton runs on Linux alone")
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, "-W", "error", "-m", "tests.models.compiling"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len([size for size in done.stdout.split() if int(size) > 1000]) == 12
