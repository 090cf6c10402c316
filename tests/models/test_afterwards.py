"""What becomes of a model that was scored: whoever goes on with it finds it as it was."""

from __future__ import annotations

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from probe.data.windows import Window
from probe.errors import ModelError
from probe.models.base import Extras, Sampler
from probe.models.local import LocalEngine
from probe.models.writing import Prompt
from probe.types import TokenStats
from tests.contract import plain, tokens_of
from tests.tiny import save

TEXTS = ["Return the number of items in the queue, or none.", "x y " * 30]
IDS = torch.arange(2, 42).view(2, 20)


@pytest.fixture(params=["gpt2", "llama", "neox"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> LocalEngine:
    return LocalEngine.open(str(save(request.param, tmp_path)), dtype="float32")


@pytest.fixture
def pair(engine: LocalEngine) -> tuple[Any, Any]:
    """Returns the model that was scored, and one that was not."""
    before = deepcopy(engine.network.model)
    engine.score(tokens_of(engine, TEXTS))
    assert engine.network.packs
    return engine.network.model, before


@torch.no_grad()
def test_it_heeds_padding_and_what_came_before(pair: tuple[Any, Any]) -> None:
    mask = torch.ones_like(IDS)
    mask[0, :7] = 0
    for say in (lambda model: model(input_ids=IDS, attention_mask=mask).logits[:, 7:], continued):
        found, expected = (say(model) for model in pair)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def continued(model: Any) -> Tensor:
    """Returns logits of the last fifteen tokens, behind a cache of the others."""
    past = model(input_ids=IDS[:, :5], use_cache=True).past_key_values
    found: Tensor = model(input_ids=IDS[:, 5:], past_key_values=past).logits
    return found


@pytest.mark.parametrize(
    "how", [{"attention_mask": (IDS > 8).long()}, {"cache_implementation": "static"}, {"num_beams": 3}]
)
def test_it_writes_what_it_wrote(pair: tuple[Any, Any], how: dict[str, Any]) -> None:
    written = [model.generate(IDS, max_new_tokens=9, do_sample=False, pad_token_id=0, **how) for model in pair]
    assert torch.equal(*written)


def test_another_process_reads_it_from_a_pickle(pair: tuple[Any, Any], tmp_path: Path) -> None:
    """Which knows nothing of what was registered with transformers here."""
    model, before = pair
    file, out = tmp_path / "model.pkl", tmp_path / "logits.pt"
    file.write_bytes(pickle.dumps(model))
    code = f"import pickle, torch; model = pickle.load(open({str(file)!r}, 'rb'))\n"
    code += f"torch.save(model(input_ids=torch.arange(2, 42).view(2, 20)).logits.detach(), {str(out)!r})"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, cwd=Path(__file__).parents[2])
    torch.testing.assert_close(torch.load(out), before(input_ids=IDS).logits, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_its_attention_is_its_own_again(engine: LocalEngine) -> None:
    """Of one that writes its attention out, others read the weights of it."""
    model, texts = engine.network.model, tokens_of(engine, TEXTS)
    model.set_attn_implementation("eager")
    before = model(input_ids=IDS, output_attentions=True).attentions
    assert all(isinstance(one, TokenStats) for one in engine.score(texts)) and not engine.network.packs
    after = model(input_ids=IDS, output_attentions=True).attentions
    assert model.config._attn_implementation == "eager" and len(before) == len(after) > 0
    prefixed, losses = Extras(prefix=(5, 6, 7)), []
    for own in ("eager", "sdpa", "eager", "sdpa"):
        model.set_attn_implementation(own)
        losses.append([one.loss for one in engine.score(texts, prefixed) if isinstance(one, TokenStats)])
    np.testing.assert_allclose(losses, [losses[0]] * 4, atol=1e-4)
    assert all(isinstance(one, TokenStats) for one in engine.score(texts)) and engine.network.packs
    assert model.config._attn_implementation == "sdpa"


@pytest.mark.parametrize("own", ["sdpa", "eager"])
@torch.no_grad()
def test_whoever_uses_it_while_a_pass_runs_finds_it_as_it_was(engine: LocalEngine, own: str) -> None:
    """In another thread: what it says, masked or not, and what a copy of it is."""
    model, texts = engine.network.model, tokens_of(engine, TEXTS)
    model.set_attn_implementation(own)
    engine.score(texts)
    mask = torch.ones_like(IDS)
    mask[0, :7] = 0
    expected = [model(input_ids=IDS).logits, model(input_ids=IDS, attention_mask=mask).logits[:, 7:]]
    with ThreadPoolExecutor(1) as pool:
        for _ in range(40):
            passes = pool.submit(engine.score, texts)
            found = [model(input_ids=IDS).logits, model(input_ids=IDS, attention_mask=mask).logits[:, 7:]]
            assert deepcopy(model.config)._attn_implementation == own
            assert all(isinstance(one, TokenStats) for one in passes.result())
            torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def halved(module: Any, *arguments: Any) -> Any:
    return arguments[-1] / 2


@torch.no_grad()
def test_hooks_of_all_modules_count(engine: LocalEngine) -> None:
    model, texts = engine._network.model, tokens_of(engine, TEXTS)
    hook = torch.nn.modules.module.register_module_forward_hook(
        lambda module, _, found: found / 2 if isinstance(module, torch.nn.Linear) else None
    )
    try:
        found = engine.score(texts)
        expected = [plain(model, Window(tokens.ids, len(tokens.ids) - 1))["logprob"] for tokens in texts]
    finally:
        hook.remove()
    for one, other in zip(found, expected, strict=True):
        assert isinstance(one, TokenStats)
        np.testing.assert_allclose(one.logprob, other, atol=1e-4)


@pytest.mark.parametrize("how", ["hook", "forward"])
@pytest.mark.parametrize("part", ["head", "activation"])
@torch.no_grad()
def test_what_its_owner_changed_of_it_counts(engine: LocalEngine, part: str, how: str) -> None:
    """And is not lost to him."""
    model = engine._network.model
    kinds = ("GELU", "SiLU")
    found = [one for one in model.modules() if any(kind in type(one).__name__ for kind in kinds)]
    changed = [model.get_output_embeddings()] if part == "head" else found
    assert changed
    for one in changed:
        if how == "hook":
            one.register_forward_hook(halved)
        else:
            one.forward = lambda x, plain=one.forward: plain(x) / 2
    before = model(input_ids=IDS).logits
    for tokens, stats in zip(texts := tokens_of(engine, TEXTS), engine.score(texts), strict=True):
        assert isinstance(stats, TokenStats)
        expected = plain(model, Window(tokens.ids, len(tokens.ids) - 1))["logprob"]
        np.testing.assert_allclose(stats.logprob, expected, atol=1e-4)
    torch.testing.assert_close(model(input_ids=IDS).logits, before, atol=1e-5, rtol=1e-5)


def test_it_can_be_pickled_and_exported(pair: tuple[Any, Any]) -> None:
    model, before = pair
    again = pickle.loads(pickle.dumps(model))
    with torch.no_grad():
        expected = before(input_ids=IDS).logits
        exported = torch.export.export(model, (), {"input_ids": IDS + 1, "use_cache": False}).module()
        for found in (again(input_ids=IDS).logits, exported(input_ids=IDS, use_cache=False).logits):
            torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_its_own_way_of_writing_stays(engine: LocalEngine) -> None:
    config = engine.network.model.generation_config
    config.temperature, config.top_k = 0.5, 7
    engine.write([Prompt(IDS[0].numpy().astype("int32"), 4)], 2, Sampler(0.7))
    assert engine.network.model.generation_config is config and (config.temperature, config.top_k) == (0.5, 7)


def test_what_is_in_training_is_refused(engine: LocalEngine) -> None:
    engine.network.model.train()
    with pytest.raises(ModelError, match=r"call eval\(\)"):
        engine.score(tokens_of(engine, TEXTS))
    engine._network.model.eval()
    assert engine.score(tokens_of(engine, TEXTS))
