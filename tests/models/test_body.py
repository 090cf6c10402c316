"""Norms, gates and rotary positions in one pass: against float64 and transformers, and while texts are scored alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from copy import deepcopy
from types import FunctionType
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import Module, Parameter
from transformers import CohereConfig, CohereForCausalLM, GPTNeoXConfig, GPTNeoXForCausalLM, LlamaConfig
from transformers import LlamaForCausalLM as Llama
from transformers.models.gemma.modeling_gemma import GemmaRMSNorm
from transformers.models.llama.modeling_llama import LlamaMLP, LlamaRMSNorm

from probe.models.body import ROTARY, fuse_body
from probe.models.pointwise import Pointwise, pointwise
from probe.models.scoring import scoring

NARROW, WIDE = torch.bfloat16, torch.float32
SHAPE: dict[str, Any] = {
    "vocab_size": 100, "hidden_size": 96, "intermediate_size": 70, "num_hidden_layers": 2, "num_attention_heads": 3
}  # fmt: skip
DTYPES = pytest.mark.parametrize("dtype", [NARROW, WIDE])


@pytest.fixture(scope="module")
def by() -> Pointwise:
    found = pointwise()
    if found is None:
        pytest.skip("there is no C compiler here")
    return found


def near(dtype: torch.dtype) -> dict[str, float]:
    return {"rtol": 2**-7, "atol": 1e-6} if dtype == NARROW else {"rtol": 2e-6, "atol": 1e-6}


def check(found: Tensor, expected: Tensor) -> None:
    """No further off than two roundings are, which models make in bfloat16."""
    torch.testing.assert_close(found.double(), expected, **near(found.dtype), equal_nan=True)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.integers(0, 40), width=st.integers(1, 200), scale=st.sampled_from([1e-3, 1.0, 300.0]),
    dtype=st.sampled_from([NARROW, WIDE]), seed=st.integers(0, 9999),
)  # fmt: skip
def test_norms_and_gates_against_float64(
    by: Pointwise, rows: int, width: int, scale: float, dtype: torch.dtype, seed: int
) -> None:
    torch.manual_seed(seed)
    x, other, weight = ((torch.randn(shape) * scale).to(dtype) for shape in ((rows, width), (rows, width), (width,)))
    wide = x.double()
    check(by.norm(x, weight, 1e-5), wide * (wide.square().mean(-1, keepdim=True) + 1e-5).rsqrt() * weight.double())
    check(by.gate(x, other), torch.nn.functional.silu(wide) * other.double())


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    heads=st.integers(1, 4), tokens=st.integers(1, 30), half=st.integers(1, 40), behind=st.integers(0, 20),
    dtype=st.sampled_from([NARROW, WIDE]), seed=st.integers(0, 9999),
)  # fmt: skip
def test_rotations_against_float64(
    by: Pointwise, heads: int, tokens: int, half: int, behind: int, dtype: torch.dtype, seed: int
) -> None:
    torch.manual_seed(seed)
    x = torch.randn(tokens, heads, 2 * half + behind).to(dtype).transpose(0, 1)  # as a model has it
    cos, sin = (part.repeat(1, 2) for part in (torch.rand(tokens, half, dtype=WIDE).to(dtype) for _ in range(2)))
    one, other, rest = x.double().split([half, half, behind], 2)
    c, s = cos.double()[:, :half], sin.double()[:, :half]
    found = by.rotate(x, cos, sin)
    torch.testing.assert_close(
        found.double(), torch.cat([one * c - other * s, other * c + one * s, rest], 2), rtol=near(dtype)["rtol"],
        atol=0.02 if dtype == NARROW else 1e-6,
    )  # fmt: skip


@DTYPES
def test_what_is_no_number_stays_in_its_row(by: Pointwise, dtype: torch.dtype) -> None:
    x = torch.ones(4, 33, dtype=dtype)
    x[1, 7], x[2, 7], x[3] = torch.nan, torch.inf, -1e38
    found, gated = by.norm(x, torch.ones(33, dtype=dtype), 1e-5), by.gate(x, torch.ones_like(x))
    assert found[0].isfinite().all() and found[1].isnan().all() and found[2, 7].isnan()
    assert gated[1, 7].isnan() and gated[2, 7] == torch.inf and not gated[3].any()
    assert gated[:3].isfinite().sum() == 3 * 33 - 2


@DTYPES
def test_what_c_would_misread_is_refused(by: Pointwise, dtype: torch.dtype) -> None:
    x, angles = torch.zeros(2, 5, 32, dtype=dtype), torch.zeros(5, 32, dtype=dtype)
    weight = torch.zeros(32, dtype=dtype)
    by.norm(x, weight, 1e-5), by.gate(x, x), by.rotate(x, angles, angles)
    wrong = [
        lambda: by.norm(x, weight[:31], 1e-5), lambda: by.norm(x, weight.double(), 1e-5),
        lambda: by.norm(x.double(), weight.double(), 1e-5), lambda: by.norm(x.transpose(0, 1), weight, 1e-5),
        lambda: by.gate(x, x[:1]), lambda: by.gate(x, x.double()), lambda: by.gate(x.mT, x.mT),
        lambda: by.rotate(x, angles[:4], angles[:4]), lambda: by.rotate(x, angles[:, :31], angles[:, :31]),
        lambda: by.rotate(x.double(), angles, angles), lambda: by.rotate(x[0], angles, angles),
        lambda: by.rotate(x[..., :30], angles, angles), lambda: by.rotate(x, angles, angles[:, :30]),
        lambda: by.rotate(x.mT, angles[:, :4], angles[:, :4]), lambda: by.gelu(x.double()),
    ]  # fmt: skip
    for call in wrong:
        with pytest.raises(TypeError, match="the kernel takes"):
            call()


@pytest.fixture
def anew() -> Iterator[None]:
    """Lets a test find transformers' code as it is, and leaves it so."""
    owners = [(LlamaMLP, "forward"), (LlamaRMSNorm, "forward"), (GemmaRMSNorm, "forward")]
    owners += [(sys.modules[kind.__module__], ROTARY) for kind in (Llama, GPTNeoXForCausalLM, CohereForCausalLM)]
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in owners:
            found = getattr(owner, name)
            patch.setattr(owner, name, getattr(found, "memprobe_plain", found))
        yield


def model(dtype: torch.dtype = WIDE) -> Llama:
    torch.manual_seed(0)
    found = Llama(LlamaConfig(**SHAPE, num_key_value_heads=1)).to(dtype).eval()
    for name, parameter in found.named_parameters():
        if "norm" in name:
            parameter.data.uniform_(0.5, 2)
    return found


@DTYPES
@pytest.mark.usefixtures("anew", "by")
def test_while_texts_are_scored_they_say_what_the_model_says(dtype: torch.dtype) -> None:
    llama, x = model(dtype), torch.randn(1, 9, 96).to(dtype)
    parts: list[Module] = [llama.model.norm, llama.model.layers[0].mlp]
    plain = [type(part).forward for part in parts]
    fuse_body(llama)
    fuse_body(llama)  # nothing is put before itself
    for part, theirs in zip(parts, plain, strict=True):
        assert type(part).forward.memprobe_plain is theirs  # type: ignore[attr-defined]
        with torch.inference_mode():
            expected = part(x)
            assert torch.equal(expected, theirs(part, x))  # else theirs
            with scoring():
                found = part(x)
            off = float((found - expected).abs().max() / expected.abs().max())
            assert off < (2**-7 if dtype == NARROW else 1e-5)
            if dtype == NARROW:  # rounded where theirs is
                assert (found == expected).float().mean() > 0.97
            else:
                assert not torch.equal(found, expected)  # summed in another order: ours


@DTYPES
@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.usefixtures("anew", "by")
def test_rotary_positions_are_those_of_the_model(number: int, dtype: torch.dtype) -> None:
    """A rotary part of each head, all of it, and key heads that are shared."""
    part = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.25}
    one = [lambda: GPTNeoXForCausalLM(GPTNeoXConfig(**SHAPE, rope_parameters=part)), model][number]()
    module = sys.modules[type(one).__module__]
    theirs = getattr(module, ROTARY)
    fuse_body(one.to(dtype))
    ours = getattr(module, ROTARY)
    assert ours.memprobe_plain is theirs
    torch.manual_seed(0)
    q, k = (torch.randn(1, heads, 7, 32).to(dtype) for heads in (4, 2))
    for rotated in (8, 32) if number == 0 else (32,):
        angles = torch.rand(1, 7, rotated // 2).repeat(1, 1, 2) * 6
        cos, sin = angles.cos().to(dtype), angles.sin().to(dtype)
        expected = theirs(q, k, cos, sin)
        with torch.inference_mode(), scoring():
            for found, other in zip(ours(q, k, cos, sin), expected, strict=True):
                torch.testing.assert_close(found, other, atol=0.05 if dtype == NARROW else 1e-6, rtol=0.02)
            twice = ours(q.repeat(2, 1, 1, 1), k.repeat(2, 1, 1, 1), cos, sin)  # of two rows, theirs
            assert torch.equal(twice[0][1], expected[0][0])


@pytest.mark.usefixtures("anew", "by")
def test_what_is_written_otherwise_is_left_alone() -> None:
    """Rotations of neighbouring values, as Cohere has them, and norms by one more than their weight, Gemma's."""
    cohere = CohereForCausalLM(CohereConfig(**SHAPE, pad_token_id=0))
    fuse_body(cohere)
    assert not hasattr(getattr(sys.modules[type(cohere).__module__], ROTARY), "memprobe_plain")
    fuse_body(torch.nn.ModuleList([GemmaRMSNorm(8)]))
    assert not hasattr(GemmaRMSNorm.forward, "memprobe_plain")


class Scaled(LlamaMLP):
    """A layer of which nothing tells in a model whose factors are 1."""

    factor = 1.0

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.down_proj(self.act_fn(self.gate_proj(x) * self.factor) * self.up_proj(x))
        return found


@pytest.mark.usefixtures("anew", "by")
def test_what_only_behaves_alike_is_left_alone() -> None:
    """Whatever stands in one layer, another of its class may do more; a clamp is not seen below its limit."""
    mlp, x = Scaled(LlamaConfig(**SHAPE)), torch.randn(1, 5, 96)
    fuse_body(torch.nn.ModuleList([mlp, LlamaMLP(LlamaConfig(**SHAPE))]))
    assert not hasattr(Scaled.forward, "memprobe_plain") and hasattr(LlamaMLP.forward, "memprobe_plain")
    mlp.factor = 3.0
    with torch.inference_mode():
        expected = mlp(x)
        with scoring():
            assert torch.equal(mlp(x), expected)


class Odd(LlamaRMSNorm):
    """Of the same code with another default, and one that has no hash."""

    def forward(self, hidden_states: Tensor, more: list[int] = []) -> Tensor:  # noqa: B006 - that is the case
        return hidden_states


@pytest.mark.usefixtures("anew", "by")
def test_another_default_is_other_code(monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules[Llama.__module__]
    theirs = getattr(module, ROTARY)
    other = FunctionType(theirs.__code__, theirs.__globals__, argdefs=(2,))
    monkeypatch.setattr(module, ROTARY, other)
    fuse_body(torch.nn.ModuleList([LlamaRMSNorm(8), Odd(8)]))
    assert getattr(module, ROTARY) is other and not hasattr(Odd.forward, "memprobe_plain")
    assert hasattr(LlamaRMSNorm.forward, "memprobe_plain")


def test_large_values_are_not_cut(by: Pointwise) -> None:
    x = torch.tensor([-1e30, -300.0, -90.0, 90.0, 300.0, 1e30])
    torch.testing.assert_close(by.gate(x, torch.ones(6)), torch.nn.functional.silu(x))


@pytest.mark.usefixtures("anew", "by")
def test_what_it_does_not_take_is_computed_once() -> None:
    fuse_body(model())
    mlp, calls = LlamaMLP(LlamaConfig(**SHAPE)).half(), []
    mlp.gate_proj.register_forward_hook(lambda *_: calls.append(1))
    with torch.inference_mode(), scoring():
        mlp(torch.randn(1, 5, 96).half())
    assert len(calls) == 1


@pytest.mark.usefixtures("anew", "by")
def test_others_of_the_family_can_be_compiled_whole() -> None:
    fuse_body(model())
    fresh, ids = model(), torch.arange(9)[None]
    with torch.no_grad():
        whole = torch.compile(fresh.model, backend="eager", fullgraph=True)
        found = whole(input_ids=ids, use_cache=False).last_hidden_state
        torch.testing.assert_close(found, fresh.model(input_ids=ids, use_cache=False).last_hidden_state)


@pytest.mark.usefixtures("anew", "by")
def test_another_gate_of_the_same_class_goes_its_own_way() -> None:
    fuse_body(model())
    mlp, x = LlamaMLP(LlamaConfig(**SHAPE, hidden_act="gelu")), torch.randn(1, 5, 96)
    with torch.inference_mode():
        expected = mlp(x)
        with scoring():
            assert torch.equal(mlp(x), expected)


@pytest.mark.usefixtures("anew", "by")
def test_the_model_can_be_trained_and_copied_afterwards() -> None:
    llama = model()
    fuse_body(llama)
    llama(input_ids=torch.arange(9)[None], labels=torch.arange(9)[None]).loss.backward()
    norm = llama.model.norm.weight
    assert isinstance(norm, Parameter) and norm.grad is not None and norm.grad.any()
    assert torch.equal(deepcopy(llama).model.norm.weight, norm)
