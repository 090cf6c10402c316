"""Gradients by the output head, against torch's automatic differentiation."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from probe import open_probe
from probe.config import Settings
from probe.models import gradient as module
from probe.models import onednn
from probe.models.base import NO_EXTRAS, Extras
from probe.models.gradient import gradient
from probe.models.local import LocalEngine
from probe.pipeline import Probe
from probe.prepared import Options
from probe.scores import choose
from probe.types import Text, Tokens, TokenStats, Unscored
from tests.tiny import ASSETS

TEXTS = ["The iterator yields each key once, and then it stops.", "Two words", "The default is used if none is given."]
TOLERANCE = 1e-4  # relative: float32 sums of a few thousand products against torch's


def by_definition(head: torch.nn.Linear, hidden: torch.Tensor, targets: torch.Tensor, rows: Sequence[int]) -> Any:
    """c_t from whole [tokens, vocabulary] tensors, in float64."""
    weight, bias = head.weight.detach().double(), head.bias.detach().double() if head.bias is not None else 0
    pull = (hidden.double() @ weight.T + bias).softmax(1) - torch.nn.functional.one_hot(targets, len(weight))
    parts = zip(pull.split(list(rows)), hidden.double().split(list(rows)), strict=True)
    return torch.cat([((a @ a.T) * (h @ h.T)).sum(1) for a, h in parts])


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("tile", [7, 64, 2**22])
def test_products_equal_the_definition(monkeypatch: pytest.MonkeyPatch, bias: bool, tile: int) -> None:
    monkeypatch.setattr(module, "_TILE_FLOATS", tile * 9)
    torch.manual_seed(1)
    head, hidden, targets = torch.nn.Linear(6, 50, bias), 3 * torch.randn(9, 6), torch.randint(0, 50, (9,))
    with torch.inference_mode():
        found = gradient(head, hidden, targets, [4, 1, 4])
    expected = by_definition(head, hidden, targets, [4, 1, 4])
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-4)


def test_a_text_that_is_nearly_certain_keeps_its_digits() -> None:
    """p_x = 1 - 1e-5: p_x - 1 in float32 would have two digits."""
    head = torch.nn.Linear(1, 3, bias=False)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[12.2], [0.0], [0.0]]))
    hidden, targets = torch.ones(2, 1), torch.zeros(2, dtype=torch.long)
    with torch.inference_mode():
        found = gradient(head, hidden, targets, [2])
    torch.testing.assert_close(found.double(), by_definition(head, hidden, targets, [2]), rtol=1e-3, atol=0)


def differentiated(folder: Path | str, tokens: Tokens) -> float:
    """-||grad L|| by the weight of an untied copy of the head, by transformers and torch.autograd."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    head = copy.deepcopy(model.get_output_embeddings())
    head.weight = torch.nn.Parameter(head.weight.detach().clone())
    ids = torch.from_numpy(tokens.ids).long()
    with torch.no_grad():
        hidden = model.base_model(input_ids=ids[None]).last_hidden_state[0]
    torch.nn.functional.cross_entropy(head(hidden[:-1]), ids[1:]).backward()
    return -float(head.weight.grad.norm())


@pytest.mark.parametrize("shape", ["llama", "gpt2", "neox", "embedded"])  # the embedded head and gpt2's are tied
def test_the_score_equals_automatic_differentiation(make_model: Callable[[str], Path], shape: str) -> None:
    folder = ASSETS / "target" if shape == "embedded" else make_model(shape)
    probe = open_probe(str(folder), dtype="float32")
    for text, result in zip(TEXTS, probe(TEXTS, scores=["gradnorm"]), strict=True):
        (tokens,) = probe.target.tokenize([text])
        assert isinstance(tokens, Tokens)
        assert result.scores["gradnorm"].value == pytest.approx(differentiated(folder, tokens), rel=TOLERANCE)


def test_company_does_not_matter(demo: Probe) -> None:
    together = demo([*TEXTS[::-1], "", *TEXTS], scores=["gradnorm"])
    for text, one, other in zip(TEXTS, together[2::-1], together[4:], strict=True):
        (alone,) = demo(text, scores=["gradnorm"])
        for found in (one, other):
            assert found.scores["gradnorm"].value == pytest.approx(alone.scores["gradnorm"].value, rel=TOLERANCE)


@pytest.mark.parametrize("shape", ["gemma2", "granite"])
def test_a_head_that_caps_or_scales_gives_none(make_model: Callable[[str], Path], shape: str) -> None:
    (result,) = open_probe(str(make_model(shape)))(TEXTS[:1], scores=["gradnorm", "loss"])
    assert "this engine gives no gradients" in str(result.scores["gradnorm"].reason)
    assert result.scores["loss"].value is not None


def test_a_text_of_several_windows_has_no_one_gradient(make_model: Callable[[str], Path]) -> None:
    (result,) = open_probe(str(make_model("llama")))([TEXTS[0] * 8], scores=["gradnorm"])
    assert "several windows" in str(result.scores["gradnorm"].reason)


class Recording(LocalEngine):
    """Records what it is asked."""

    asked: list[tuple[int, Extras]]

    def score(self, texts: Sequence[Tokens], extras: Extras = NO_EXTRAS) -> list[TokenStats | Unscored]:
        self.asked.append((len(texts), extras))
        return super().score(texts, extras)


def test_it_is_computed_where_it_is_asked_for_and_the_body_runs_once(make_model: Callable[[str], Path]) -> None:
    engine = Recording.open(str(make_model("llama")))
    engine.asked = []
    probe, bodies = Probe(engine), []
    probe.load()
    engine.network.model.base_model.layers[0].register_forward_hook(lambda *_: bodies.append(1))
    assert "gradnorm" not in choose(None)
    probe(TEXTS, scores=["loss"])  # which also tries how the model packs
    engine.asked.clear()
    bodies.clear()
    probe(TEXTS, scores=["loss", "lowercase"])
    assert engine.asked == [(6, NO_EXTRAS)] and len(bodies) == 1
    (plain, wanted) = (
        probe.prepare([Text(t) for t in TEXTS], Options(choose(names))) for names in (["loss"], ["gradnorm"])
    )
    engine.asked.clear()
    bodies.clear()
    one, other = probe.measure([plain, wanted])
    assert engine.asked == [(3, NO_EXTRAS), (3, Extras(gradient=True))] and len(bodies) == 2
    assert all(entry.target.gradient is None for entry in one if isinstance(entry.target, TokenStats))
    assert all(entry.target.gradient is not None for entry in other if isinstance(entry.target, TokenStats))


def test_it_is_cached_like_the_other_columns(make_model: Callable[[str], Path], tmp_path: Path) -> None:
    folder, where = str(make_model("llama")), Settings(home=tmp_path, cache_bytes=1 << 24)
    cold = open_probe(folder, settings=where)(TEXTS, scores=["gradnorm", "loss"])
    warm = open_probe(folder, settings=where)
    assert [r.scores for r in warm(TEXTS, scores=["gradnorm", "loss"])] == [r.scores for r in cold]
    assert warm.target._engine.__dict__.get("network") is None  # type: ignore[attr-defined]


def test_few_products_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """oneDNN compiles and keeps one for each shape: every number of tokens had tiles of another width."""
    if not onednn.serves(torch.float32):
        pytest.skip("torch's own product of float32 is the fastest here, and compiles nothing")
    shapes, call, head = set(), onednn._call, torch.nn.Linear(8, 4001)

    def watched(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        shapes.add((len(x), len(weight)))
        return call(x, weight, bias)

    monkeypatch.setattr(onednn, "_call", watched)
    monkeypatch.setattr(module, "_TILE_FLOATS", 2**16)
    with torch.inference_mode():
        for tokens in range(1, 400, 3):
            gradient(head, torch.randn(tokens, 8), torch.zeros(tokens, dtype=torch.int64), [tokens])
    assert 0 < len(shapes) <= 100
