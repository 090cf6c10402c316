"""Torch's default dtype is the process's, and transformers changes it while it loads a model in another thread: no
figure may depend on it, and nothing that is written by C.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from probe.models import body, cuda, head, linear, onednn, streaming
from probe.models.base import Extras
from probe.models.compiled import compiled, on_units
from probe.models.local import LocalEngine
from probe.types import TokenStats
from tests.contract import tokens_of
from tests.tiny import save

TEXTS = ["Return the number of items in the queue, or none.", "x y " * 30, "Two words here"]
DTYPES = (torch.float32, torch.bfloat16)
COLUMNS = ("logprob", "mu", "sigma", "rank", "gradient")


@pytest.fixture(params=[torch.float64, torch.bfloat16, torch.float16])
def default(request: pytest.FixtureRequest) -> Iterator[torch.dtype]:
    before = torch.get_default_dtype()
    yield request.param
    torch.set_default_dtype(before)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("shape", ["llama", "neox", "gpt2"])
def test_figures_are_the_same(default: torch.dtype, shape: str, dtype: str, tmp_path: Path) -> None:
    engine = LocalEngine.open(str(save(shape, tmp_path)), dtype=dtype)
    texts = tokens_of(engine, TEXTS)
    expected = engine.score(texts, Extras(gradient=True))
    torch.set_default_dtype(default)
    for one, other in zip(engine.score(texts, Extras(gradient=True)), expected, strict=True):
        assert isinstance(one, TokenStats) and isinstance(other, TokenStats)
        for name in COLUMNS:
            assert np.array_equal(getattr(one, name), getattr(other, name)), name


def test_trials_come_to_the_same(default: torch.dtype) -> None:
    """What is found out once stays: it must not be found out wrong."""

    def tried() -> list[object]:
        agree = []
        if (library := on_units("head")) and (other := on_units("linear")):
            agree += [head._agrees(head.MatrixUnits(library), dtype) for dtype in DTYPES]
            agree.append(linear._agrees(linear.LinearUnits(other)))
        served = [onednn.serves.__wrapped__(dtype) for dtype in DTYPES]
        fold = streaming._best_fold.__wrapped__() is streaming.fold_plainly
        return [agree, served, fold, len(body._ours.__wrapped__())]

    expected = tried()
    torch.set_default_dtype(default)
    assert tried() == expected
    assert expected[2] is (compiled("kernel") is None)


def test_nor_may_it_depend_on_the_default_device(tmp_path: Path) -> None:
    """On which C cannot read."""
    engine = LocalEngine.open(str(save("llama", tmp_path)), dtype="float32")
    texts = tokens_of(engine, TEXTS)
    expected = engine.score(texts)
    head.matrix_units.cache_clear()
    streaming._best_fold.cache_clear()
    torch.set_default_device("meta")
    try:
        found = engine.score(texts)
    finally:
        torch.set_default_device(None)
    for one, other in zip(found, expected, strict=True):
        assert isinstance(one, TokenStats) and isinstance(other, TokenStats)
        assert np.array_equal(one.logprob, other.logprob)


def test_a_cuda_device_s_columns_are_of_float32(default: torch.dtype) -> None:
    parts = torch.zeros(2, 3, 6, dtype=torch.float32)
    torch.set_default_dtype(default)
    state, own = cuda._merged(parts)
    assert state.dtype == own.dtype == torch.float32
