"""Loading: safetensors only, clear refusals, hashes that follow the content."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from probe.errors import ModelError, UnsafeWeights
from probe.models.content import content_hash
from probe.models.load import find, load


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
