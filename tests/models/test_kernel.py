"""The compiled kernel: that it is compiled where a compiler is, equals torch, and is missed by nobody."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.models.activation import Gelu, fuse, gelu_units
from probe.models.kernel import kernel
from probe.models.pointwise import pointwise
from tests.models.units import needed

PROBE = "import sys; from probe.models.kernel import kernel; print(kernel() is not None)"


def asked(**environment: str) -> str:
    found = subprocess.run(
        [sys.executable, "-c", PROBE], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return found.stdout.strip()


@pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler here")
def test_it_is_compiled_once_and_kept(tmp_path: Path) -> None:
    assert asked(XDG_CACHE_HOME=str(tmp_path)) == "True"
    (file,) = (tmp_path / "memprobe").iterdir()
    before = file.stat().st_mtime_ns
    assert asked(XDG_CACHE_HOME=str(tmp_path)) == "True"
    assert file.stat().st_mtime_ns == before


def test_without_a_compiler_or_where_it_is_unwanted_there_is_none(tmp_path: Path) -> None:
    assert asked(XDG_CACHE_HOME=str(tmp_path), PATH="/nowhere") == "False"
    assert asked(MEMPROBE_KERNEL="off") == "False"


def test_a_broken_library_is_left_alone(tmp_path: Path) -> None:
    if not shutil.which("cc"):
        pytest.skip("there is no C compiler here")
    asked(XDG_CACHE_HOME=str(tmp_path))
    (file,) = (tmp_path / "memprobe").iterdir()
    file.write_bytes(b"not a library")
    assert asked(XDG_CACHE_HOME=str(tmp_path)) == "False"


def test_what_c_would_misread_is_refused() -> None:
    compiled = kernel()
    if compiled is None:
        pytest.skip("there is no C compiler here")
    tile, own, place, state = torch.zeros(4, 8), torch.zeros(4), torch.zeros(4, dtype=torch.int64), torch.zeros(4, 6)
    compiled.fold(tile, own, place, state)
    wrong = [
        (tile.double(), own, place, state), (tile, own, place.int(), state), (tile, own[:3], place, state),
        (torch.zeros(8, 4).T, own, place, state), (tile, own, place, torch.zeros(4, 5)),
    ]  # fmt: skip
    for arguments in wrong:
        with pytest.raises(TypeError, match="the kernel takes"):
            compiled.fold(*arguments)


@settings(max_examples=50)
@given(values=st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=200))
def test_gelu_is_torch_s(values: list[float]) -> None:
    compiled = pointwise()
    if compiled is None:
        pytest.skip("there is no C compiler here")
    x = torch.tensor(values)
    expected = torch.nn.functional.gelu(x.double(), approximate="tanh").float()
    torch.testing.assert_close(compiled.gelu(x), expected, rtol=1e-5, atol=1e-5)


@settings(max_examples=50)
@given(values=st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=200), tanh=st.booleans())
def test_gelu_of_bfloat16(values: list[float], tanh: bool) -> None:
    """No further off than rounding to bfloat16 is."""
    x = torch.tensor(values).bfloat16()
    expected = torch.nn.functional.gelu(x.double(), approximate="tanh" if tanh else "none")
    found = needed(gelu_units()).gelu(x, tanh).double()
    torch.testing.assert_close(found, expected, rtol=2**-8, atol=1e-6)


def test_gelu_of_what_is_no_number() -> None:
    x = torch.tensor([torch.nan, torch.inf, -1e38, 0.0, -0.0]).bfloat16()
    for tanh in (True, False):
        found = needed(gelu_units()).gelu(x, tanh)
        assert found[0].isnan() and found[1] == torch.inf and not found[2:].any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", ["gelu_new", "gelu_pytorch_tanh", "gelu"])
def test_fused_activations_say_the_same(name: str, dtype: torch.dtype) -> None:
    from transformers.activations import ACT2FN

    torch.manual_seed(0)
    model = torch.nn.ModuleDict({"act": ACT2FN[name], "deep": torch.nn.Sequential(ACT2FN[name])})
    x = torch.randn(30, 40).to(dtype)
    expected = ACT2FN[name](x.float()).to(dtype)
    fuse(model)
    assert type(model["act"]) is type(model["deep"][0]) is Gelu  # type: ignore[index]
    torch.testing.assert_close(model["act"](x), expected)
    torch.testing.assert_close(model["act"](x.T), expected.T)


def test_activations_of_another_kind_stay() -> None:
    from transformers.activations import ACT2FN

    for name in ("gelu_10", "gelu_python", "quick_gelu", "silu"):
        model = torch.nn.Sequential(ACT2FN[name])
        fuse(model)
        assert type(model[0]) is type(ACT2FN[name])


def test_training_goes_the_way_that_has_gradients() -> None:
    x = torch.randn(4, 8).bfloat16().requires_grad_()
    Gelu(tanh=True)(x).sum().backward()
    assert x.grad is not None and x.grad.any()
