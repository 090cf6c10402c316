"""Adapters: merged as the formula says, counted in the hash, refused where merging would change what they say."""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from probe.errors import ModelError, UnsafeWeights
from probe.models.content import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from probe.models.load import find, load
from probe.models.local import LocalEngine
from probe.types import Tokens, TokenStats
from tests.tiny import ASSETS

peft = pytest.importorskip("peft", reason="peft is not installed: pip install memprobe[peft]")
Make = Callable[[str], Path]
TEXT = "The iterator yields each key of the mapping once, in the order in which it was first seen, and then stops."


def adapt(base: Path, folder: Path, *, rows: int | None = None, **options: Any) -> Path:
    """Writes an adapter whose every part is far from nothing, as training would leave it."""
    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft warns of tied weights when it makes adapters, too
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        if rows:
            model.resize_token_embeddings(rows, mean_resizing=False)
        adapted = peft.get_peft_model(model, peft.LoraConfig(r=4, lora_alpha=8, task_type="CAUSAL_LM", **options))
        for name, parameter in adapted.named_parameters():
            if "lora_" in name or "modules_to_save" in name:
                torch.nn.init.normal_(parameter, std=0.2)
        adapted.save_pretrained(folder)
    edit(folder, base_model_name_or_path=str(base))
    return folder


def edit(folder: Path, **changes: Any) -> None:
    settings = json.loads((folder / ADAPTER_CONFIG).read_text())
    (folder / ADAPTER_CONFIG).write_text(json.dumps(settings | changes))


def by_hand(base: Path, adapter: Path, module: str, transposed: bool = False) -> torch.nn.Module:
    """W + alpha / r B A for every adapted module, in float64; a module that shares its weights gets its own first."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
    parts = load_file(adapter / ADAPTER_WEIGHTS)
    for name, child in model.named_modules():
        if name.split(".")[-1] == module:
            a, b = (parts[f"base_model.model.{name}.lora_{letter}.weight"].double() for letter in "AB")
            delta = 8 / 4 * b @ a
            child.weight.data = (child.weight.double() + (delta.T if transposed else delta)).float()
    return model.eval()


def losses(model: torch.nn.Module, ids: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    rows = torch.from_numpy(ids.astype(np.int64))
    with torch.no_grad():
        logp = model(input_ids=rows[None]).logits[0, :-1].double().log_softmax(-1)
    return logp.gather(1, rows[1:, None])[:, 0].numpy()


def scored(source: str, text: str = TEXT) -> TokenStats:
    engine = LocalEngine.open(source, dtype="float32")
    (found,) = engine.score([tokens for tokens in engine.tokenize([text]) if isinstance(tokens, Tokens)])
    assert isinstance(found, TokenStats)
    return found


@pytest.fixture
def plain(make_model: Make, tmp_path: Path) -> Path:
    return adapt(make_model("llama"), tmp_path / "plain", target_modules=["q_proj"])


@pytest.mark.parametrize(
    ("shape", "module"), [("llama", "q_proj"), ("llama", "lm_head"), ("gpt2", "c_attn"), ("gpt2", "lm_head")]
)
def test_losses_are_those_of_the_formula(make_model: Make, tmp_path: Path, shape: str, module: str) -> None:
    """GPT-2 shares the weights of head and embedding: an adapter on the head leaves the embedding alone."""
    base = make_model(shape)
    adapter = adapt(base, tmp_path / "a", target_modules=[module], fan_in_fan_out=module == "c_attn")
    found = scored(str(adapter))
    expected = losses(by_hand(base, adapter, module, transposed=module == "c_attn"), found.tokens.ids)
    np.testing.assert_allclose(found.logprob, expected, atol=2e-4)
    assert np.abs(found.logprob - scored(str(base)).logprob).mean() > 0.05


def test_a_whole_head_that_shared_its_weights(make_model: Make, tmp_path: Path) -> None:
    base = make_model("gpt2")
    adapter = adapt(base, tmp_path / "a", target_modules=["c_attn"], fan_in_fan_out=True, modules_to_save=["lm_head"])
    found = scored(str(adapter))
    model = by_hand(base, adapter, "c_attn", transposed=True)
    parts = load_file(adapter / ADAPTER_WEIGHTS)
    model.lm_head.weight.data = parts["base_model.model.lm_head.weight"]  # type: ignore[union-attr]
    np.testing.assert_allclose(found.logprob, losses(model, found.tokens.ids), atol=2e-4)


def test_single_tokens_that_were_trained_change_a_shared_head_too(make_model: Make, tmp_path: Path) -> None:
    base = make_model("gpt2")
    options = {"target_modules": ["c_attn"], "fan_in_fan_out": True, "trainable_token_indices": {"wte": [5, 6, 300]}}
    adapter = adapt(base, tmp_path / "a", **options)
    file = adapter / ADAPTER_WEIGHTS
    parts = load_file(file)
    (name,) = [name for name in parts if "trainable_tokens" in name]
    torch.manual_seed(2)
    parts[name] = torch.randn_like(parts[name])  # far from the base's rows
    save_file(parts, file, {"format": "pt"})
    found = scored(str(adapter))
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    beside = peft.PeftModel.from_pretrained(model, adapter).eval()
    np.testing.assert_allclose(found.logprob, losses(beside, found.tokens.ids), atol=2e-4)


@pytest.mark.parametrize("stored", [torch.float32, torch.bfloat16])
def test_base_and_adapter_are_rounded_together(make_model: Make, tmp_path: Path, stored: torch.dtype) -> None:
    base = tmp_path / "base"
    AutoModelForCausalLM.from_pretrained(make_model("llama"), dtype=stored).save_pretrained(base)
    AutoTokenizer.from_pretrained(make_model("llama")).save_pretrained(base)
    adapter = adapt(base, tmp_path / "a", target_modules=["q_proj", "up_proj"])
    exact, rounded = (load(find(str(adapter), dtype=dtype)) for dtype in ("float32", "bfloat16"))
    for (name, one), other in zip(exact.named_parameters(), rounded.parameters(), strict=True):
        assert torch.equal(one.bfloat16(), other), name
    assert rounded.model.rotary_emb.inv_freq.dtype is torch.float32


def test_hash_covers_base_and_adapter_but_no_place(make_model: Make, plain: Path, tmp_path: Path) -> None:
    source, base = find(str(plain)), find(str(make_model("llama")))
    assert source.hash != base.hash and source.adapter is not None and base.adapter is None
    shutil.copytree(make_model("llama"), tmp_path / "elsewhere" / "base")
    moved = shutil.copytree(plain, tmp_path / "elsewhere" / "moved")
    edit(moved, base_model_name_or_path="../base")
    found = find(str(moved))
    assert found.hash == source.hash and found.folder == tmp_path / "elsewhere" / "base"
    edit(moved, lora_alpha=9)
    assert find(str(moved)).hash != source.hash
    edit(moved, lora_alpha=8)
    weights = load_file(moved / ADAPTER_WEIGHTS)
    save_file({name: part + 1e-3 for name, part in weights.items()}, moved / ADAPTER_WEIGHTS)
    assert find(str(moved)).hash != source.hash


def test_finding_reads_no_weights(make_model: Make, plain: Path, tmp_path: Path) -> None:
    base = shutil.copytree(make_model("llama"), tmp_path / "base")
    (base / "model.safetensors").write_bytes(b"no tensors here")
    edit(plain, base_model_name_or_path=str(base))
    source = find(str(plain))
    with pytest.raises(ModelError, match="plain has damaged weights"):
        load(source)


def test_revision_of_the_base(make_model: Make, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub cache with two revisions of one base, laid out as huggingface_hub does."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    repo = tmp_path / "hub" / "models--some--base"
    for name, shape in (("main", "llama"), ("v2", "neox")):
        commit = ("1" if name == "main" else "2") * 40
        shutil.copytree(make_model(shape), repo / "snapshots" / commit)
        (repo / "refs").mkdir(exist_ok=True)
        (repo / "refs" / name).write_text(commit)
    edit(plain, base_model_name_or_path="some/base", revision=None)
    assert find(str(plain)).folder.name == "1" * 40
    edit(plain, revision="v2")
    assert find(str(plain)).folder.name == "2" * 40


def test_tokenizer_is_the_adapters_own_where_it_has_one(make_model: Make, plain: Path) -> None:
    assert find(str(plain)).tokenizer.hash == find(str(make_model("llama"))).tokenizer.hash
    tokenizer = AutoTokenizer.from_pretrained(ASSETS / "target")
    tokenizer.add_tokens(["iterator"])
    tokenizer.save_pretrained(plain)
    assert find(str(plain)).tokenizer.hash != find(str(make_model("llama"))).tokenizer.hash


@pytest.mark.parametrize("shape", ["llama", "gpt2"])
def test_a_larger_vocabulary(make_model: Make, tmp_path: Path, shape: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(make_model(shape))
    tokenizer.add_tokens(["<new>"])
    names = {"llama": ["embed_tokens", "lm_head"], "gpt2": ["wte", "lm_head"]}[shape]
    target = {"llama": "q_proj", "gpt2": "c_attn"}[shape]
    options: dict[str, Any] = {"target_modules": [target], "fan_in_fan_out": shape == "gpt2"}
    adapter = adapt(make_model(shape), tmp_path / "a", rows=len(tokenizer), modules_to_save=names, **options)
    tokenizer.save_pretrained(adapter)
    assert find(str(adapter)).vocabulary == len(tokenizer)
    found = scored(str(adapter), "some <new> words")
    assert len(tokenizer) - 1 in found.tokens.ids
    model = by_hand(make_model(shape), adapter, target, transposed=shape == "gpt2")
    parts = load_file(adapter / ADAPTER_WEIGHTS)
    for end, name in ((model.get_input_embeddings(), names[0]), (model.lm_head, names[1])):  # type: ignore[operator]
        end.weight = torch.nn.Parameter(next(part for key, part in parts.items() if key.endswith(f".{name}.weight")))
    np.testing.assert_allclose(found.logprob, losses(model, found.tokens.ids), atol=2e-4)


def test_half_a_vocabulary_is_refused(make_model: Make, tmp_path: Path) -> None:
    adapter = adapt(make_model("llama"), tmp_path / "a", rows=3000, target_modules=["q_proj"])
    weights = load_file(adapter / ADAPTER_WEIGHTS)
    kept = {name: part for name, part in weights.items() if "lm_head" not in name}
    assert len(kept) == len(weights) - 1
    save_file(kept, adapter / ADAPTER_WEIGHTS)
    with pytest.raises(ModelError, match="only one of embedding and output head"):
        load(find(str(adapter)))


def test_pickled_adapters_are_refused(plain: Path) -> None:
    (plain / ADAPTER_WEIGHTS).unlink()
    torch.save({}, plain / "adapter_model.bin")
    with pytest.raises(UnsafeWeights, match=r"without adapter_model\.safetensors.*unpickling runs code"):
        find(str(plain))


def test_pickled_bases_are_refused(make_model: Make, plain: Path, tmp_path: Path) -> None:
    base = shutil.copytree(make_model("llama"), tmp_path / "base")
    (base / "model.safetensors").rename(base / "pytorch_model.bin")
    edit(plain, base_model_name_or_path=str(base))
    with pytest.raises(UnsafeWeights, match=r"only pickled weights \(pytorch_model\.bin\)"):
        find(str(plain))


def test_a_part_of_an_adapter_is_refused(plain: Path) -> None:
    """peft itself would leave the missing part at nothing, with a warning."""
    weights = load_file(plain / ADAPTER_WEIGHTS)
    save_file({name: part for name, part in weights.items() if "layers.1" not in name}, plain / ADAPTER_WEIGHTS)
    with pytest.raises(ModelError, match="does not fit its base: 2 tensors"):
        load(find(str(plain)))
    save_file(weights | {"base_model.model.x.lora_A.weight": torch.zeros(4, 4)}, plain / ADAPTER_WEIGHTS)
    with pytest.raises(ModelError, match="does not fit its base: 1 tensors"):
        load(find(str(plain)))


def test_an_adapter_of_another_model_is_refused(make_model: Make, plain: Path) -> None:
    edit(plain, base_model_name_or_path=str(make_model("gpt2")))
    with pytest.raises(ModelError, match="plain cannot be merged into its base"):
        load(find(str(plain)))


def test_bases_that_cannot_be_one(make_model: Make, plain: Path, tmp_path: Path) -> None:
    quantised = shutil.copytree(make_model("llama"), tmp_path / "quantised")
    settings = json.loads((quantised / "config.json").read_text())
    (quantised / "config.json").write_text(json.dumps(settings | {"quantization_config": {"quant_method": "gptq"}}))
    nested = shutil.copytree(plain, tmp_path / "nested")
    for base, reason in (
        (str(quantised), "quantised: merging would round"), (str(nested), "itself an adapter"), (None, "names no base"),
        (str(tmp_path / "gone"), "Or set base_model_name_or_path in its adapter_config.json"),
    ):  # fmt: skip
        edit(plain, base_model_name_or_path=base)
        with pytest.raises(ModelError, match=reason):
            find(str(plain))


def test_model_and_adapter_in_one_folder_are_ambiguous(make_model: Make, plain: Path) -> None:
    shutil.copy(make_model("llama") / "model.safetensors", plain)
    with pytest.raises(ModelError, match=r"both a whole model \(model\.safetensors\) and an adapter"):
        find(str(plain))


def test_prompts_are_no_weights(make_model: Make, tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(make_model("llama"))
    prompt = peft.get_peft_model(model, peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4))
    prompt.save_pretrained(tmp_path / "prompt")
    edit(tmp_path / "prompt", base_model_name_or_path=str(make_model("llama")))
    with pytest.raises(ModelError, match="PROMPT_TUNING adapter, which no weights can express"):
        load(find(str(tmp_path / "prompt")))


def test_without_peft(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ModelError, match=r"pip install memprobe\[peft\]"):
        find(str(plain))


def test_a_setting_that_this_peft_does_not_know_is_refused(plain: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(plain, tmp_path / "newer")
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"scaling_of_the_future": True}))
    with pytest.raises(ModelError, match="scaling_of_the_future"):
        LocalEngine.open(str(folder)).load()
