"""A head on the processor's matrix units against a brute-force computation in float64."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from probe.models import streaming
from probe.models.base import Extras
from probe.models.compiled import on_units
from probe.models.head import MatrixUnits, _agrees, matrix_units
from probe.models.processor import has_units
from probe.models.statistics import reduce
from probe.models.streaming import fold_plainly, stream, streams
from tests.models.test_statistics import brute
from tests.models.units import in_use, needed


@pytest.fixture(scope="module")
def units() -> Iterator[MatrixUnits]:
    with in_use(MatrixUnits, "head", streaming, "matrix_units") as found:
        yield found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.integers(1, 150), vocabulary=st.integers(2, 700), steps=st.integers(1, 5), scale=st.floats(0.05, 5),
    offset=st.floats(-300, 300), bias=st.booleans(), narrow=st.booleans(), threads=st.integers(1, 3),
    seed=st.integers(0, 10**6),
)  # fmt: skip
def test_against_brute_force(
    units: MatrixUnits, rows: int, vocabulary: int, steps: int, scale: float, offset: float, bias: bool, narrow: bool,
    threads: int, seed: int,
) -> None:  # fmt: skip
    torch.manual_seed(seed)
    dtype, width = torch.bfloat16 if narrow else torch.float32, 32 * steps
    weight, hidden = torch.randn(vocabulary, width).to(dtype), (torch.randn(rows, width) * scale).to(dtype)
    shift = torch.randn(vocabulary) + offset if bias else None
    targets, before = torch.randint(vocabulary, (rows,)), torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = stream(weight, shift, hidden, targets)
    finally:
        torch.set_num_threads(before)
    logits = hidden.double() @ weight.double().T + (0 if shift is None else shift.double())
    expected = brute(logits, targets)
    for name, column in zip(("logprob", "mu", "sigma"), found[:3], strict=True):
        np.testing.assert_allclose(column.numpy(), expected[name], rtol=1e-4, atol=1e-3)
    own = logits.gather(1, targets[:, None])
    close = ((logits - own).abs() < 1e-3).sum(1).numpy() - 1  # what rounding may put on either side
    assert (np.abs(found[3].numpy() - expected["rank"]) <= close).all()


@pytest.mark.parametrize(
    ("of_hidden", "of_weight", "centre"),
    [(1, 1, 0), (40, 0.03, 0), (0.03, 40, 0), (40, 0.03, 2), (1e-12, 1e12, 0), (5, 0, 0)],
    ids=["even", "wide hidden states", "wide weights", "all logits far off", "very wide weights", "idle columns"],
)
def test_float32_is_as_exact_as_torch(units: MatrixUnits, of_hidden: float, of_weight: float, centre: float) -> None:
    """No figure is further from float64 than twice torch's, though columns stand out as they do in real models."""
    torch.manual_seed(0)
    weight, hidden, targets = torch.randn(9000, 512) / 4, torch.randn(200, 512), torch.randint(9000, (200,))
    hidden[:, [3, 77]] *= of_hidden
    weight[:, [3, 77]] = of_weight * (weight[:, [3, 77]] + centre)
    expected = brute(hidden.double() @ weight.double().T, targets)
    mine, torchs = stream(weight, None, hidden, targets), stream(weight, None, hidden, targets, fold_plainly)
    for name, one, other in zip(("logprob", "mu", "sigma"), mine, torchs, strict=False):
        errors = [np.abs(column.numpy() - expected[name]).max() for column in (one, other)]
        assert errors[0] <= 2 * errors[1] + 1e-5, (name, errors)


@pytest.mark.parametrize("place", [0, 5])
def test_a_weight_that_is_no_number_spoils_every_row(units: MatrixUnits, place: int) -> None:
    """In the sample that digits are framed by, and outside of it."""
    weight, hidden = torch.randn(9000, 64), torch.randn(3, 64)
    weight[place, 1] = torch.nan
    assert not torch.isfinite(stream(weight, None, hidden, torch.tensor([7, 8, 9]))[0]).any()


def test_words_of_equal_rows_do_not_stand_above_each_other(units: MatrixUnits) -> None:
    """A padded vocabulary's, which are zeros: the centre of the others makes them a product like any."""
    torch.manual_seed(0)
    weight, hidden, targets = torch.randn(9000, 64) + 0.3, torch.randn(100, 64), torch.full((100,), 8500)
    weight[8000:] = 0
    expected = brute(hidden.double() @ weight.double().T, targets)["rank"]
    assert np.abs(stream(weight, None, hidden, targets)[3].numpy() - expected).max() <= 1


def test_what_the_engine_takes_is_tried_before(units: MatrixUnits) -> None:
    """Where vectors stand in for the units, float32 goes another way (onednn.py)."""
    assert all(_agrees(units, dtype) for dtype in (torch.bfloat16, torch.float32))
    assert bool(needed(on_units("head")).by_vectors()) is not has_units()  # a compiler that knows one knows the other
    assert needed(matrix_units()).take(torch.zeros(9, 64).bfloat16())
    assert needed(matrix_units()).take(torch.zeros(9, 64)) == has_units()


def test_nothing_is_asked_of_no_rows(units: MatrixUnits) -> None:
    found = units.head(torch.zeros(50, 64), None, torch.empty(0, 64), torch.empty(0, dtype=torch.int64))
    assert found and len(found[0]) == 0


def test_a_row_far_from_the_others_is_left_to_torch(units: MatrixUnits) -> None:
    """A column that is idle but for one row, outside the sample: its digits would leave the row's other values none."""
    torch.manual_seed(0)
    weight, hidden, targets = torch.randn(9000, 64), torch.randn(20, 64), torch.full((20,), 5)
    weight[:, 3] = 0
    weight[5, 3], hidden[:, 3] = 1e9, 1e-9
    assert units.head(weight, None, hidden, targets) is None
    expected = brute(hidden.double() @ weight.double().T, targets)
    np.testing.assert_allclose(stream(weight, None, hidden, targets)[0].numpy(), expected["logprob"], atol=1e-4)


def test_bfloat16_is_not_rounded_again(units: MatrixUnits) -> None:
    torch.manual_seed(0)
    weight, hidden = torch.randn(9000, 64).bfloat16(), torch.randn(50, 64).bfloat16()
    targets = torch.randint(9000, (50,))
    found, expected = stream(weight, None, hidden, targets), brute(hidden.double() @ weight.double().T, targets)
    np.testing.assert_allclose(found[0].numpy(), expected["logprob"], atol=1e-4)


def test_a_small_vocabulary_goes_there_too(units: MatrixUnits) -> None:
    head, hidden = torch.nn.Linear(64, 100, bias=True), torch.randn(5, 64)
    with torch.inference_mode():
        assert streams(head, hidden, Extras()) and not streams(head, hidden, Extras(top=True))
        best = head(hidden).argmax(1)
        assert reduce(head, hidden, best).rank.max() == 0


@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_a_row_that_is_no_number_spoils_itself_alone(units: MatrixUnits, dtype: torch.dtype, wrong: float) -> None:
    torch.manual_seed(0)
    weight, hidden = torch.randn(70, 32).to(dtype), torch.randn(40, 32).to(dtype)
    hidden[7, 3] = wrong
    found = stream(weight, None, hidden, torch.arange(40))
    rest = [row for row in range(40) if row != 7]
    assert not any(torch.isfinite(column[7]) for column in found[:3])
    assert all(torch.isfinite(column[rest]).all() for column in found[:3])


def test_what_c_would_misread_is_refused(units: MatrixUnits) -> None:
    weight, hidden, targets = torch.zeros(50, 64), torch.zeros(4, 64), torch.zeros(4, dtype=torch.int64)
    assert units.head(weight, None, hidden, targets)
    wrong = [
        (weight, None, hidden.bfloat16(), targets), (weight, None, hidden, targets.int()),
        (weight, None, hidden, targets[:3]), (weight[:, :40].contiguous(), None, hidden[:, :40].contiguous(), targets),
        (weight.double(), None, hidden.double(), targets), (weight, None, torch.zeros(64, 4).T, targets),
        (weight, torch.zeros(49), hidden, targets), (weight, None, hidden, targets + 50),
        (weight, None, hidden, targets - 1),
    ]  # fmt: skip
    for arguments in wrong:
        with pytest.raises(TypeError, match="the kernel takes"):
            units.head(*arguments)
