"""Which head vLLM's plugin streams: the layer itself only where it says what the model says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from probe.models.vllm_plugin import _head

WIDTH, VOCABULARY, PADDED = 16, 40, 64
HIDDEN = torch.randn(9, WIDTH, generator=torch.Generator().manual_seed(0))


class Model:
    """What the plugin asks of a model of vLLM's: a padded head, and logits by some way of its own."""

    def __init__(self, change: Callable[[Tensor], Tensor | None]) -> None:
        self.lm_head = torch.nn.Linear(WIDTH, PADDED, bias=False)
        self.change = change

    @torch.no_grad()
    def compute_logits(self, hidden: Tensor) -> Tensor | None:
        return self.change(self.lm_head(hidden)[:, :VOCABULARY])


def test_a_plain_head_is_streamed_without_the_padding() -> None:
    model = Model(lambda logits: logits)
    head = _head(model, HIDDEN)
    assert type(head) is torch.nn.Linear and (head.out_features, head.in_features) == (VOCABULARY, WIDTH)
    assert head.weight.data_ptr() == model.lm_head.weight.data_ptr()
    assert torch.equal(head(HIDDEN), model.compute_logits(HIDDEN))


@pytest.mark.parametrize(
    "change", [lambda z: z / 8, lambda z: z.tanh(), lambda z: z * 1.01, lambda z: z + 1, lambda z: z.flip(1)]
)
def test_a_head_with_more_to_it_is_the_models_own(change: Callable[[Tensor], Tensor]) -> None:
    model = Model(change)
    assert _head(model, HIDDEN) == model.compute_logits


def test_a_quantised_or_missing_head_is_the_models_own() -> None:
    model = Model(lambda logits: logits)
    model.lm_head.weight = torch.nn.Parameter(torch.zeros(PADDED, WIDTH, dtype=torch.int8), requires_grad=False)
    model.compute_logits = lambda hidden: hidden  # type: ignore[method-assign]
    assert _head(model, HIDDEN) == model.compute_logits
    del model.lm_head
    assert _head(model, HIDDEN) == model.compute_logits


def test_a_rank_that_gathers_no_logits_has_no_head() -> None:
    assert _head(Model(lambda logits: None), HIDDEN) is None
