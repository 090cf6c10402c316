"""Loading: safetensors only, clear refusals, hashes that follow the content."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from probe.errors import ModelError, UnsafeWeights
from probe.models.content import content_hash
from probe.models.load import find, load
from probe.models.local import LocalEngine
from probe.types import Tokens, TokenStats
from tests.tiny import ASSETS

TEXT = "Return a list of the names in the directory. If the file does not exist, it is made; otherwise it is emptied."
Tensors = dict[str, torch.Tensor]


def test_pickled_weights_are_refused(make_model: Callable[[str], Path], tmp_path: Path) -> None:
    folder = shutil.copytree(make_model("llama"), tmp_path / "pickled")
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(UnsafeWeights, match=r"pytorch_model\.bin.*safetensors only"):
        find(str(folder))


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no weights"):
        find(str(tmp_path))


def test_a_broken_configuration_says_which_model(make_model: Callable[[str], Path], tmp_path: Path) -> None:
    folder = shutil.copytree(make_model("llama"), tmp_path / "broken")
    (folder / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="cannot be loaded as a causal language model"):
        find(str(folder))


def test_an_unknown_id_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="neither a model folder nor a model that the hub could give"):
        find("nobody/has-this-model")


def test_dtype(make_model: Callable[[str], Path]) -> None:
    folder = str(make_model("llama"))
    for dtype, expected in (("bfloat16", torch.bfloat16), ("auto", torch.float32), (None, torch.float32)):
        source = find(folder, dtype=dtype)
        assert next(load(source).parameters()).dtype is expected
        assert source.dtype == str(expected).removeprefix("torch.")
    with pytest.raises(ModelError, match="not one of float32"):
        find(folder, dtype="int3")


def test_hash_follows_content_not_name(make_model: Callable[[str], Path], tmp_path: Path) -> None:
    copy = shutil.copytree(make_model("llama"), tmp_path / "copy")
    assert content_hash(copy) == content_hash(make_model("llama"))
    weights = copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert content_hash(copy) != content_hash(make_model("llama"))


def test_hash_covers_the_index_that_says_where_tensors_stand(make_model: Callable[[str], Path], tmp_path: Path) -> None:
    folder = shutil.copytree(make_model("llama"), tmp_path / "two")
    (folder / "model.safetensors").rename(folder / "one.safetensors")
    shutil.copy(make_model("llama") / "model.safetensors", folder / "other.safetensors")
    hashes = set()
    for file in ("one.safetensors", "other.safetensors"):
        index = {"weight_map": dict.fromkeys(load_file(folder / file), file)}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        hashes.add(content_hash(folder))
    assert len(hashes) == 2


def test_weights_without_a_configuration(make_model: Callable[[str], Path], tmp_path: Path) -> None:
    shutil.copy(make_model("llama") / "model.safetensors", tmp_path)
    with pytest.raises(ModelError, match=r"no config\.json"):
        find(str(tmp_path))


def test_missing_tensors_are_not_made_up(make_model: Callable[[str], Path], tmp_path: Path) -> None:
    folder = shutil.copytree(make_model("llama"), tmp_path / "part")
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"lack 1 of the model's tensors, model\.layers\.1\.mlp\.up_proj\.weight"):
        load(find(str(folder)))


def quantise(folder: Path, source: Path, config: dict[str, Any], change: Callable[[str, torch.Tensor], Tensors]) -> str:
    """Writes a quantised copy of a model: its configuration says how, `change` makes each projection's tensors."""
    shutil.copytree(source, folder)
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"quantization_config": config}))
    written: Tensors = {}
    for name, part in load_file(folder / "model.safetensors").items():
        written |= change(name, part.float()) if name.endswith("proj.weight") else {name: part}
    save_file(written, folder / "model.safetensors", {"format": "pt"})
    return str(folder)


def unchanged(name: str, part: torch.Tensor) -> Tensors:
    return {name: part}


@pytest.mark.parametrize(
    ("config", "module", "reason"),
    [
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bitsandbytes", "pip install bitsandbytes"),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "bitsandbytes", "pip install bitsandbytes"),
        ({"quant_method": "gptq", "bits": 4}, "gptqmodel", "pip install gptqmodel optimum"),
        ({"quant_method": "awq", "bits": 4}, "gptqmodel", "pip install gptqmodel"),
        ({"quant_method": "torchao", "quant_type": {"default": {}}}, "torchao", "pip install torchao"),
        ({"quant_method": "quanto", "weights": "int8"}, "optimum", "pip install optimum-quanto"),
        ({"quant_method": "compressed-tensors"}, "compressed_tensors", "pip install compressed-tensors"),
        ({"quant_method": "modelopt"}, None, "quantised by modelopt, which transformers does not read"),
        ({"bits": 4}, None, "quantised by an unstated method, which transformers does not read"),
    ],
)
def test_quantised_weights_name_what_reads_them(
    make_model: Callable[[str], Path], tmp_path: Path, config: dict[str, Any], module: str | None, reason: str
) -> None:
    if module and find_spec(module):
        pytest.skip(f"{module} is installed here")
    with pytest.raises(ModelError, match=reason):
        load(find(quantise(tmp_path / "q", make_model("llama"), config, unchanged)))


def losses(folder: str | Path) -> float:
    engine = LocalEngine.open(str(folder), dtype="float32")
    (found,) = engine.score([tokens for tokens in engine.tokenize([TEXT]) if isinstance(tokens, Tokens)])
    assert isinstance(found, TokenStats)
    return found.loss


def fp8(name: str, part: torch.Tensor) -> Tensors:
    """One scale per block of 64 by 64, as DeepSeek writes it."""
    rows, columns = (size // 64 for size in part.shape)
    blocks = part.reshape(rows, 64, columns, 64)
    scale = blocks.abs().amax((1, 3)) / 448
    values = (blocks / scale[:, None, :, None]).reshape(part.shape).to(torch.float8_e4m3fn)
    return {name: values, f"{name}_scale_inv": scale}


def test_fp8_is_read_without_further_libraries(tmp_path: Path) -> None:
    config = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [64, 64]}
    folder = quantise(tmp_path / "q", ASSETS / "target", config, fp8)
    assert 1e-5 < abs(losses(folder) - losses(ASSETS / "target")) < 0.05


def packed(name: str, part: torch.Tensor) -> Tensors:
    """Eight bits, one scale per row, four values to an int32: compressed-tensors' pack-quantized."""
    scale = part.abs().amax(1, keepdim=True) / 127
    values = (part / scale).round().clamp(-128, 127).int().numpy() + 128
    words = (values.astype(np.uint32).reshape(len(values), -1, 4) << np.array([0, 8, 16, 24], np.uint32)).sum(-1)
    return {
        f"{name}_packed": torch.from_numpy(words.astype(np.uint32).view(np.int32)),
        f"{name}_shape": torch.tensor(part.shape), f"{name}_scale": scale,
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore")
def test_compressed_tensors(tmp_path: Path) -> None:
    pytest.importorskip("compressed_tensors", reason="compressed-tensors is not installed")
    weights = {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "channel"}
    config = {
        "quant_method": "compressed-tensors", "format": "pack-quantized", "quantization_status": "compressed",
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}}, "ignore": ["lm_head"],
    }  # fmt: skip
    folder = quantise(tmp_path / "q", ASSETS / "target", config, packed)
    assert 1e-5 < abs(losses(folder) - losses(ASSETS / "target")) < 0.05


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("library", ["torchao", "bitsandbytes"])
def test_eight_bits(tmp_path: Path, library: str) -> None:
    pytest.importorskip(library, reason=f"{library} is not installed")
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, TorchAoConfig

    if library == "torchao":
        from torchao.quantization import Int8WeightOnlyConfig

        config: Any = TorchAoConfig(Int8WeightOnlyConfig())
    else:
        config = BitsAndBytesConfig(load_in_8bit=True)
    made = AutoModelForCausalLM.from_pretrained(ASSETS / "target", quantization_config=config, dtype=torch.float32)
    made.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(ASSETS / "target").save_pretrained(tmp_path)
    assert 1e-5 < abs(losses(tmp_path) - losses(ASSETS / "target")) < 0.05


def test_weights_that_were_overwritten_after_opening_are_not_scored_under_the_old_name(
    make_model: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(make_model("llama"), tmp_path / "run")
    engine = LocalEngine.open(str(folder))
    tensors = {name: tensor * 1.5 for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="written to since it was opened"):
        engine.load()
    LocalEngine.open(str(folder)).load()


def test_a_damaged_tokenizer_is_an_error_of_ours(make_model: Callable[[str], Path], tmp_path: Path) -> None:
    folder = shutil.copytree(make_model("llama"), tmp_path / "damaged")
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="cannot be loaded"):
        LocalEngine.open(str(folder))
