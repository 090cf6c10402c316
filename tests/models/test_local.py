"""The local engine against one text at a time in plain transformers, on several architectures."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from probe.data.windows import Window
from probe.errors import ModelError
from probe.models import network, onednn
from probe.models.base import NO_EXTRAS, Extras, Sampler
from probe.models.load import find, load
from probe.models.local import LocalEngine
from probe.models.onednn import rounded
from probe.models.packable import may_pack
from probe.models.passes import batches
from probe.models.writing import Prompt
from probe.types import Tokens, TokenStats, Unscored
from tests.contract import plain

SHAPES = ["llama", "gpt2", "neox", "gemma2", "granite"]
TEXTS = [
    "Return a list.",
    "The iterator yields each key of the mapping once, in the order in which it was first seen, and then stops.",
    "emoji 😀 and NUL \0 and naïve “quotes”",
    "x",
    "If the file does not exist, it is made; otherwise its content is lost. " * 2,
]


def scored(engine: LocalEngine, texts: list[str]) -> list[TokenStats]:
    tokens = [entry for entry in engine.tokenize(texts) if isinstance(entry, Tokens)]
    found = [entry for entry in engine.score(tokens) if isinstance(entry, TokenStats)]
    assert len(found) == len(texts)
    return found


def alone(engine: LocalEngine, tokens: Tokens) -> dict[str, np.ndarray]:
    return plain(engine.network.model, Window(tokens.ids, len(tokens.ids) - 1))


@pytest.mark.parametrize("shape", SHAPES)
def test_equals_one_text_at_a_time(make_model: Callable[[str], Path], shape: str) -> None:
    engine = LocalEngine.open(str(make_model(shape)), dtype="float32")
    for text, found in zip(TEXTS, scored(engine, TEXTS), strict=True):
        expected = alone(engine, found.tokens)
        for name in ("logprob", "mu", "sigma"):
            np.testing.assert_allclose(
                getattr(found, name), expected[name], atol=2e-4, err_msg=f"{shape} {name} {text}"
            )
        assert (np.abs(found.rank - expected["rank"]) <= 1).all()


def test_transformed_logits_are_left_to_the_model(make_model: Callable[[str], Path]) -> None:
    plain = {}
    for shape in SHAPES:
        engine = LocalEngine.open(str(make_model(shape)))
        engine.load()
        plain[shape] = engine.network.head is not None
    assert plain == {"llama": True, "gpt2": True, "neox": True, "gemma2": False, "granite": False}


@pytest.mark.parametrize("budget", [1, 40, 200, 100_000])
def test_batch_and_order_do_not_matter(make_model: Callable[[str], Path], budget: int) -> None:
    folder = str(make_model("llama"))
    together = scored(LocalEngine.open(folder, batch_tokens=budget), TEXTS)
    backwards = scored(LocalEngine.open(folder), TEXTS[::-1])[::-1]
    for one, other in zip(together, backwards, strict=True):
        np.testing.assert_allclose(one.logprob, other.logprob, atol=1e-4)
        np.testing.assert_allclose(one.sigma, other.sigma, atol=1e-4)  # type: ignore[arg-type]


def test_a_text_longer_than_the_context_has_every_token_scored_once(make_model: Callable[[str], Path]) -> None:
    engine = LocalEngine.open(str(make_model("llama")))
    (found,) = scored(engine, ["The quick brown fox jumps over the lazy dog and then sleeps. " * 12])
    assert engine.context == 64 and found.windows > 2
    assert len(found.logprob) == len(found.tokens.ids) - 1
    head = Tokens(found.tokens.ids[:64], found.tokens.start[:63], found.tokens.end[:63], has_bos=True)
    np.testing.assert_allclose(found.logprob[:63], alone(engine, head)["logprob"], atol=1e-4)
    last = np.concatenate([found.tokens.ids[:1], found.tokens.ids[-63:]])
    tail = Tokens(last, found.tokens.start[-63:], found.tokens.end[-63:], has_bos=True)
    np.testing.assert_allclose(found.logprob[-1], alone(engine, tail)["logprob"][-1], atol=1e-4)


def test_optional_columns_come_through(make_model: Callable[[str], Path]) -> None:
    engine = LocalEngine.open(str(make_model("llama")))
    (tokens,) = engine.tokenize(["Return a list of names."])
    assert isinstance(tokens, Tokens)
    (found,) = engine.score([tokens], Extras(top=True, sampler=Sampler(1.0)))
    assert isinstance(found, TokenStats) and found.top is not None and found.sampled is not None
    assert found.top.shape == (len(found.logprob), 5)
    np.testing.assert_allclose(found.sampled, found.logprob, atol=1e-5)


def test_nothing_to_score_is_nothing(make_model: Callable[[str], Path]) -> None:
    assert LocalEngine.open(str(make_model("llama"))).score([]) == []


def test_foreign_ids_are_refused_and_neighbours_stand(make_model: Callable[[str], Path]) -> None:
    engine = LocalEngine.open(str(make_model("llama")))
    good, bad = engine.tokenize(["a good text", "a bad text"])
    assert isinstance(good, Tokens) and isinstance(bad, Tokens)
    bad.ids[-1] = 10**6
    first, second = engine.score([good, bad])
    assert isinstance(first, TokenStats)
    assert isinstance(second, Unscored) and "ids that the model does not have" in second.reason


@pytest.mark.parametrize(
    "extras", [NO_EXTRAS, Extras(top=True), Extras(prefix=(3, 4, 5))], ids=["plain", "top", "prefix"]
)
@pytest.mark.parametrize("shape", ["llama", "gpt2", "gemma2"])
def test_few_numbers_of_rows_are_asked_for(
    make_model: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, shape: str, extras: Extras
) -> None:
    """In scoring and in writing, packed and padded (gemma2), and no pass is wider for it than its longest text."""
    engine = LocalEngine.open(str(make_model(shape)), dtype="bfloat16")
    assert engine.network.packs is (shape != "gemma2") and engine.network.budget(None)  # what is tried is tried now
    rows, widths, call, forward = set(), set(), onednn._call, engine.network.model.base_model.forward

    def counted(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        rows.add(x.numel() // x.shape[-1])
        return call(x, weight, bias)

    def watched(input_ids: Tensor, **options: Any) -> Any:
        widths.add(input_ids.shape[1])
        return forward(input_ids=input_ids, **options)

    monkeypatch.setattr(onednn, "_call", counted)
    monkeypatch.setattr(engine.network.model.base_model, "forward", watched)
    for number in range(1, 60, 7):
        tokens = [entry for entry in engine.tokenize(["word " * number]) if isinstance(entry, Tokens)]
        assert isinstance(engine.score(tokens, extras)[0], TokenStats)
        if not engine.network.packs:
            assert max(widths) <= len(tokens[0].ids) + len(extras.prefix)
    engine.write([Prompt(tokens[0].ids[:5], 3)], 2)
    assert rows and all(size == rounded(size, torch.bfloat16) for size in rows)


@pytest.mark.parametrize("raised", [torch.OutOfMemoryError, MemoryError])  # the second: kernels that get no scratch
def test_out_of_memory_halves_the_batch(
    raised: type[Exception], make_model: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = LocalEngine.open(str(make_model("llama")), batch_tokens=10_000)
    expected = scored(engine, TEXTS)
    longest = max(len(stats.tokens.ids) for stats in expected)
    monkeypatch.setattr(network, "rounded", lambda rows, dtype: rows)  # whatever this processor's products are
    forward, tried = engine.network.model.base_model.forward, []

    def scarce(*args: object, **options: torch.Tensor) -> object:
        tried.append(options["input_ids"].numel())
        if tried[-1] > longest:
            raise raised("no memory for more than the longest text")
        return forward(*args, **options)

    monkeypatch.setattr(engine.network.model.base_model, "forward", scarce)
    for found, wanted in zip(scored(engine, TEXTS), expected, strict=True):
        np.testing.assert_allclose(found.logprob, wanted.logprob, atol=1e-5)
    assert tried[0] > longest and sum(size for size in tried if size <= longest) == tried[0]


@pytest.mark.parametrize("raised", [torch.OutOfMemoryError, MemoryError])
def test_not_even_one_fits(
    raised: type[Exception], make_model: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = LocalEngine.open(str(make_model("llama")))
    monkeypatch.setattr(engine.network, "_forward", lambda *_: (_ for _ in ()).throw(raised("none")))
    (tokens,) = engine.tokenize(["some text"])
    assert isinstance(tokens, Tokens)
    (found,) = engine.score([tokens])
    assert isinstance(found, Unscored) and "out of memory at" in found.reason


def test_a_text_that_a_model_fails_on_costs_no_other(
    make_model: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = LocalEngine.open(str(make_model("llama")))
    expected = scored(engine, TEXTS)
    forward, bad = engine.network.model.base_model.forward, int(expected[2].tokens.ids[3])

    def picky(*args: object, **options: torch.Tensor) -> object:
        if (options["input_ids"] == bad).any():
            raise IndexError("index out of range\nin self")
        return forward(*args, **options)

    monkeypatch.setattr(engine.network.model.base_model, "forward", picky)
    found = engine.score([stats.tokens for stats in expected])
    for one, wanted in zip(found, expected, strict=True):
        if bad in wanted.tokens.ids:
            assert isinstance(one, Unscored)
            assert one.reason.endswith("tokens with IndexError: index out of range")
        else:
            assert isinstance(one, TokenStats)
            np.testing.assert_allclose(one.logprob, wanted.logprob, atol=1e-5)
    assert any(isinstance(one, TokenStats) for one in found)


def test_weights_that_are_no_numbers_are_called_so(make_model: Callable[[str], Path], tmp_path: Path) -> None:
    folder = shutil.copytree(make_model("llama"), tmp_path / "broken")
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"].fill_(float("nan"))
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="broken predicts no finite numbers"):
        LocalEngine.open(str(folder)).load()


def test_batches_keep_to_the_budget() -> None:
    lengths = [3, 3, 4, 10, 10, 50]
    found = [list(batch) for batch in batches(lengths, 20)]
    assert found == [[0, 1, 2], [3, 4], [5]]
    assert list(batches([], 20)) == []


def test_an_infinite_loss_is_a_reason(make_model: Callable[[str], Path]) -> None:
    source = find(str(make_model("llama")))
    model = load(source)
    with torch.no_grad():
        model.model.norm.weight.fill_(float("nan"))
    engine = LocalEngine(source, model=model)
    (tokens,) = engine.tokenize(["some text"])
    assert isinstance(tokens, Tokens)
    (found,) = engine.score([tokens])
    assert isinstance(found, Unscored) and "no finite probability" in found.reason


def test_a_model_that_looks_ahead_is_refused(make_model: Callable[[str], Path]) -> None:
    with pytest.raises(ModelError, match="is not causal"):
        LocalEngine.open(str(make_model("bert"))).load()


def test_packing_is_used_where_it_changes_nothing(make_model: Callable[[str], Path]) -> None:
    found = {}
    for shape in SHAPES:
        engine = LocalEngine.open(str(make_model(shape)))
        engine.load()
        found[shape] = engine.network.packs
    assert found == {"llama": True, "gpt2": True, "neox": True, "gemma2": False, "granite": False}


def test_layers_that_do_not_attend_to_everything_are_not_packed(make_model: Callable[[str], Path]) -> None:
    """Their masks may act only on texts longer than those that packing is tried on (MiniMax's sparse layers)."""
    engine = LocalEngine.open(str(make_model("llama")))
    engine.load()
    engine.network.model.config.layer_types = ["full_attention", "full_attention"]
    assert may_pack(engine.network.model)
    engine.network.model.config.layer_types = ["full_attention", "minimax_m3_sparse"]
    assert not may_pack(engine.network.model)


def test_a_model_that_masks_its_attention_in_its_own_way_is_not_packed(make_model: Callable[[str], Path]) -> None:
    """As sparse attention does: a mask that the packed form would drop."""
    engine = LocalEngine.open(str(make_model("llama")))
    engine.load()
    layer = engine.network.model.model.layers[0].self_attn
    plain = layer.forward

    def masked(**options: Any) -> object:
        tokens = options["hidden_states"].shape[1]
        mask = torch.ones(tokens, tokens, dtype=torch.bool).tril()
        mask[8:, 0] = False  # acts on texts longer than those that packing is tried on
        return plain(**(options | {"attention_mask": mask[None, None]}))

    layer.forward = masked
    assert not may_pack(engine.network.model)
