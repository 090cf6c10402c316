"""Attention of a pack in one call, on the processor's matrix units and in plain float32, against float64."""

from __future__ import annotations

from itertools import accumulate

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from probe.models.attention import Attention, Job, attention_for, attention_plain, attention_units
from probe.models.packed import Pack, attend, packed
from tests.models.units import needed


@pytest.fixture(scope="module")
def units() -> Attention:
    return needed(attention_units())


@pytest.fixture(scope="module", params=[torch.bfloat16, torch.float32], ids=["units", "plain"])
def kernel(request: pytest.FixtureRequest) -> Attention:
    found = needed(attention_units() if request.param is torch.bfloat16 else attention_plain())
    assert found.dtype == request.param
    return found


def expected(query: Tensor, key: Tensor, value: Tensor, job: Job, scale: float) -> tuple[Tensor, Tensor]:
    """Returns a job's attention [queries, heads, width] and log-sums, float64."""
    first, queries, begin, keys, causal = job
    copies = len(query) // len(key)
    k, v = (part[:, begin : begin + keys].double().repeat_interleave(copies, 0) for part in (key, value))
    scores = query[:, first : first + queries].double() @ k.transpose(1, 2) * scale
    if causal:
        scores += torch.full((queries, keys), -torch.inf, dtype=torch.float64).triu(1)
    return (scores.softmax(2) @ v).transpose(0, 1), scores.logsumexp(2).T


def near(kernel: Attention) -> dict[str, float]:
    return {"atol": 0.02, "rtol": 0.02} if kernel.dtype == torch.bfloat16 else {"atol": 2e-5, "rtol": 1e-5}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lengths=st.lists(st.integers(1, 90), min_size=1, max_size=6), width=st.sampled_from([32, 64, 96]),
    key_heads=st.integers(1, 3), copies=st.integers(1, 3), scale=st.sampled_from([None, 0.05, 1.0]),
    seed=st.integers(0, 9999),
)  # fmt: skip
def test_texts_of_a_pack(
    kernel: Attention, lengths: list[int], width: int, key_heads: int, copies: int, scale: float | None, seed: int
) -> None:
    torch.manual_seed(seed)
    tokens, heads = sum(lengths), key_heads * copies
    query = (
        torch.randn(tokens, heads, 3 * width).to(kernel.dtype).transpose(0, 1)[..., width : 2 * width]
    )  # as a model has it
    key, value = (torch.randn(key_heads, tokens, width).to(kernel.dtype) for _ in range(2))
    begins = accumulate(lengths[:-1], initial=0)
    jobs = [(begin, length, begin, length, 1) for begin, length in zip(begins, lengths, strict=True)]
    found, total = kernel.attend(query, key, value, jobs, scale, True)
    assert total is not None
    for job in jobs:
        mean, log_sum = expected(query, key, value, job, width**-0.5 if scale is None else scale)
        rows = slice(job[0], job[0] + job[1])
        torch.testing.assert_close(found[rows].double(), mean, **near(kernel))
        torch.testing.assert_close(total[rows].double(), log_sum, atol=1e-4, rtol=1e-5)


def test_queries_that_see_a_prefix(kernel: Attention) -> None:
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, n, 32).to(kernel.dtype) for n in (70, 133, 133))
    jobs = [(0, 40, 0, 133, 0), (40, 30, 0, 133, 0)]
    found, _ = kernel.attend(query, key, value, jobs, None)
    for job in jobs:
        mean, _ = expected(query, key, value, job, 32**-0.5)
        torch.testing.assert_close(found[job[0] : job[0] + job[1]].double(), mean, **near(kernel))


def test_what_c_would_misread_is_refused(units: Attention) -> None:
    part = torch.zeros(2, 5, 32).bfloat16()
    jobs = [(0, 5, 0, 5, 1)]
    units.attend(part, part, part, jobs, None)
    wrong = [
        (part.float(), part, part, jobs), (part[..., :16], part[..., :16], part[..., :16], jobs),
        (part, part, part, [(0, 6, 0, 5, 1)]), (part, part, part, [(0, 5, 1, 5, 1)]), (part, part[:, :4], part, jobs),
        (part.transpose(1, 2), part, part, jobs), (part[:1], part, part, jobs),
    ]  # fmt: skip
    for query, key, value, plan in wrong:
        with pytest.raises(TypeError, match="the kernel takes"):
            units.attend(query, key, value, plan, None)


def test_what_c_would_misread_is_refused_in_float32_too() -> None:
    plain, part = needed(attention_plain()), torch.zeros(2, 5, 32)
    jobs = [(0, 5, 0, 5, 1)]
    plain.attend(part, part, part, jobs, None)
    wrong = [
        (part.bfloat16(), part, part, jobs), (part[..., :8], part[..., :8], part[..., :8], jobs),
        (part, part, part, [(0, 6, 0, 5, 1)]), (part, part[:, :4], part, jobs), (part[:1], part, part, jobs),
    ]  # fmt: skip
    for query, key, value, plan in wrong:
        with pytest.raises(TypeError, match="the kernel takes"):
            plain.attend(query, key, value, plan, None)


def test_what_they_do_not_take_is_left_to_torch() -> None:
    part = torch.zeros(2, 5, 32)
    assert attention_for(part, part, part) is needed(attention_plain())
    assert attention_for(part.double(), part.double(), part.double()) is None


def test_a_text_s_attention_does_not_depend_on_the_length_of_others(kernel: Attention) -> None:
    torch.manual_seed(0)
    part, short, both = torch.randn(2, 1500, 32).to(kernel.dtype), (0, 20, 0, 20, 1), []
    for jobs in ([short], [short, (20, 1480, 20, 1480, 1)]):
        tokens = part[:, : jobs[-1][0] + jobs[-1][1]]
        both.append(kernel.attend(tokens, tokens, tokens, jobs, None)[0][:20])
    assert torch.equal(*both)
    found = kernel.attend(part, part, part, [(0, 1500, 0, 1500, 1)], None)[0]
    torch.testing.assert_close(
        found.double(), expected(part, part, part, (0, 1500, 0, 1500, 1), 32**-0.5)[0], **near(kernel)
    )


def test_what_is_not_a_number_stays_in_its_text() -> None:
    plain, part = needed(attention_plain()), torch.randn(2, 9, 32)
    part[:, 1] = torch.nan
    found, _ = plain.attend(part, part, part, [(0, 4, 0, 4, 1), (4, 5, 4, 5, 1)], None)
    assert found[1:4].isnan().all() and found[4:].isfinite().all()


def test_packed_attention_goes_there(kernel: Attention, monkeypatch: pytest.MonkeyPatch) -> None:
    """One call, which gives what torch's calls give."""
    part = torch.randn(1, 2, 9, 32).to(kernel.dtype)
    with torch.inference_mode(), packed(Pack([(1, 4), (1, 5)])):
        found, _ = attend(None, part, part, part, None)
        monkeypatch.setattr(Attention, "takes", lambda *parts: False)
        other, _ = attend(None, part, part, part, None)
        monkeypatch.undo()
        monkeypatch.setattr(Attention, "attend", lambda *arguments: (arguments[1].new_ones(9, 2, 32), None))
        assert (attend(None, part, part, part, None)[0] == 1).all()
    assert found.shape == (1, 9, 2, 32)
    torch.testing.assert_close(found, other, **near(kernel))
