"""Models that mean harm: a pickle, or code of their own, that would make a folder if anything ran it. Nothing does."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from probe.calibration.fingerprint import take
from probe.errors import MemprobeError, ModelError, UnsafeWeights
from probe.models.load import find, load
from probe.models.local import LocalEngine
from probe.models.neighbours import LocalProposer
from probe.models.tokens import open_tokenizer
from probe.models.vllm import VllmEngine
from probe.setup import Setup
from probe.shadow.make import begun, make
from probe.shadow.recipe import Recipe
from tests.models.test_adapters import adapt, edit
from tests.tiny import ASSETS

Folder = Callable[[str], Path]
RECIPE = Recipe(epochs=1, rate=1e-3, tokens=64)
TEXT = "The iterator yields each key of the mapping once, and then it stops."


class Trap:
    """Whoever unpickles one, or runs its code, makes a folder."""

    def __init__(self, place: Path) -> None:
        self.sprung = place / "sprung"

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.sprung),)

    @property
    def code(self) -> str:
        return f"import os\nos.makedirs({str(self.sprung)!r}, exist_ok=True)\n"

    def save(self, path: Path) -> Path:
        """Writes a checkpoint that holds it, as torch.save does."""
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"model.embed_tokens.weight": self}, path)
        return path


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    """One that works: else nothing would be shown."""
    found = Trap(tmp_path)
    for spring in (lambda: pickle.loads(pickle.dumps(found)), lambda: exec(found.code)):
        spring()
        found.sprung.rmdir()
    path = found.save(tmp_path / "checkpoint.bin")
    torch.load(path, weights_only=False)
    found.sprung.rmdir()
    return found


@pytest.fixture
def model(make_model: Folder, tmp_path: Path) -> Path:
    return Path(shutil.copytree(make_model("llama"), tmp_path / "model"))


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def refusals(folder: Path, trap: Trap) -> list[str]:
    """Opens a model in every way there is; returns why it was refused, and checks that nothing was run."""
    said: list[str] = []
    ways: list[Callable[[], object]] = [
        lambda: LocalEngine.open(str(folder)).load(), lambda: load(find(str(folder), dtype="bfloat16")),
        lambda: LocalProposer.open(str(folder)).propose([TEXT], [[(4, 12)]], 2), lambda: VllmEngine.open(str(folder)),
        lambda: make(str(folder), [TEXT] * 9, RECIPE, folder.parent / "made"), lambda: open_tokenizer(str(folder)),
    ]  # fmt: skip
    for way in ways:
        try:
            way()
        except MemprobeError as error:
            said.append(str(error))
        assert not trap.sprung.exists(), way
    return said


def shards(folder: Path, place: str) -> None:
    """Writes an index that says that all weights stand in this file."""
    names = dict.fromkeys(load_file(folder / "model.safetensors"), place)
    (folder / "model.safetensors").rename(folder / "decoy.safetensors")  # beside it there are good ones
    index = {"metadata": {"total_size": 1}, "weight_map": names}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def test_pickled_weights(model: Path, trap: Trap) -> None:
    for name in ("pytorch_model.bin", "model.pt", "model.pth", "consolidated.ckpt"):
        (model / "model.safetensors").unlink(missing_ok=True)
        path = trap.save(model / name)
        with pytest.raises(UnsafeWeights, match=rf"{name}.*safetensors only, because unpickling runs code"):
            find(str(model))
        assert len(refusals(model, trap)) == 5  # a tokenizer alone may be opened
        path.unlink()


def test_a_pickle_that_is_called_safetensors(model: Path, trap: Trap) -> None:
    trap.save(model / "model.safetensors")
    with pytest.raises(ModelError, match="damaged weights"):
        LocalEngine.open(str(model)).load()
    refusals(model, trap)


def test_pickles_beside_good_weights_are_left_alone(model: Path, trap: Trap) -> None:
    for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt", "vocab.pkl", "adapter_model.bin"):
        trap.save(model / name)
    for name in ("modeling_llama.py", "custom_generate/generate.py", "__init__.py", "sitecustomize.py"):
        (model / name).parent.mkdir(exist_ok=True)
        (model / name).write_text(trap.code)
    assert refusals(model, trap) == []


@pytest.mark.parametrize("place", ["pytorch_model.bin", "../other/model.safetensors", "/other/x.safetensors", "sub/x"])
def test_an_index_that_names_other_files(model: Path, trap: Trap, place: str) -> None:
    """A pickle, or weights that no hash covers."""
    other = model.parent / "other"
    shutil.copytree(model, other)
    trap.save(model / "pytorch_model.bin")
    shards(model, place.replace("/other/", f"{other}/") if place.startswith("/") else place)
    with pytest.raises(UnsafeWeights, match="no safetensors file beside its config"):
        find(str(model))
    assert len(refusals(model, trap)) == 5


@pytest.mark.parametrize("place", ["adapter_model.bin", "sub/model.safetensors"])
def test_a_configuration_that_names_other_weights(model: Path, trap: Trap, place: str) -> None:
    trap.save(model / "adapter_model.bin")
    (model / "sub").mkdir()
    shutil.copy(model / "model.safetensors", model / "sub")
    change(model / "config.json", transformers_weights=place)
    with pytest.raises(UnsafeWeights, match="no safetensors file beside its config"):
        find(str(model))
    assert len(refusals(model, trap)) == 5


def test_code_that_transformers_can_do_without_is_not_run_and_told(model: Path, trap: Trap) -> None:
    (model / "mine.py").write_text(trap.code)
    change(model / "config.json", auto_map={"AutoConfig": "mine.Config", "AutoModelForCausalLM": "mine.Model"})
    change(model / "tokenizer_config.json", auto_map={"AutoTokenizer": ["mine.Slow", "mine.Fast"]})
    assert refusals(model, trap) == []
    engine = LocalEngine.open(str(model))
    assert [warning.split()[0] for warning in engine.warnings] == ["config.json", "tokenizer_config.json"]
    assert all("is not run" in warning for warning in engine.warnings)


@pytest.mark.parametrize("where", ["configuration", "head", "tokenizer"])
def test_a_model_that_only_its_own_code_can_read(model: Path, trap: Trap, where: str) -> None:
    (model / "mine.py").write_text(trap.code)
    if where == "configuration":
        change(model / "config.json", model_type="mine", auto_map={"AutoConfig": "mine.Config"})
    else:  # a kind that transformers knows, though not as a language model
        change(model / "config.json", model_type="resnet", auto_map={"AutoModelForCausalLM": "mine.Model"})
    if where == "tokenizer":
        own = {"AutoTokenizer": ["a--b.mine.Slow", None]}
        change(model / "tokenizer_config.json", tokenizer_class="Mine", auto_map=own)
    said = refusals(model, trap)
    assert len(said) >= 4 and "trust_remote_code" not in " ".join(said)
    assert any("can only be read by code of its own (auto_map), and memprobe runs none" in one for one in said), said
    if where == "tokenizer":
        with pytest.raises(ModelError, match="can only be read by code of its own"):
            open_tokenizer(str(model))


@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation", "experts_implementation"])
@pytest.mark.parametrize("value", ["somebody/kernel", {"": "somebody/kernel@main"}])
def test_kernels_on_the_hub(model: Path, trap: Trap, key: str, value: Any) -> None:
    change(model / "config.json", **{key: value})
    with pytest.raises(ModelError, match="asks for code on the hub"):
        find(str(model))
    (model / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="asks for code on the hub"):  # as a base with random weights
        begun(str(model), model.parent / "random", 0)
    assert not trap.sprung.exists()


def test_vllm_is_not_told_to_trust_code() -> None:
    with pytest.raises(ModelError, match="trust_remote_code is set by memprobe"):
        VllmEngine.open(str(ASSETS / "target"), options={"trust_remote_code": True})


@pytest.mark.parametrize("name", ["adapter_model.bin", "adapter_model.safetensors"])
def test_a_pickled_adapter(model: Path, trap: Trap, name: str) -> None:
    pytest.importorskip("peft")
    adapter = adapt(model, model.parent / "adapter", target_modules=["q_proj"])
    (adapter / "adapter_model.safetensors").unlink()
    trap.save(adapter / name)
    with pytest.raises(ModelError, match=r"safetensors only|damaged"):
        LocalEngine.open(str(adapter)).load()
    refusals(adapter, trap)


def test_an_adapter_of_a_pickled_base(model: Path, trap: Trap) -> None:
    pytest.importorskip("peft")
    adapter = adapt(model, model.parent / "adapter", target_modules=["q_proj"])
    (model / "model.safetensors").unlink()
    trap.save(model / "pytorch_model.bin")
    with pytest.raises(UnsafeWeights, match="safetensors only"):
        LocalEngine.open(str(adapter)).load()
    refusals(adapter, trap)


def test_an_adapter_that_names_a_module_or_other_adapters(
    model: Path, trap: Trap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("peft")
    (tmp_path / "planted.py").write_text(trap.code)
    monkeypatch.syspath_prepend(tmp_path)
    adapter = adapt(model, model.parent / "adapter", target_modules=["q_proj"])
    edit(adapter, megatron_config={"a": 1}, megatron_core="planted")
    with pytest.raises(ModelError, match="lie elsewhere, which are not loaded"):
        LocalEngine.open(str(adapter)).load()
    edit(adapter, megatron_config=None, peft_type="XLORA", adapters={"a": str(tmp_path)}, hidden_size=32)
    with pytest.raises(ModelError, match=r"lie elsewhere|cannot be merged"):
        LocalEngine.open(str(adapter)).load()
    assert not trap.sprung.exists() and "planted" not in sys.modules


def test_a_checkpoint_of_a_training_that_was_exchanged(model: Path, trap: Trap) -> None:
    out = model.parent / "trained"
    trap.save(out.with_name("trained.part") / "checkpoint.pt")
    with pytest.raises(ModelError, match="is no checkpoint of this training"):
        make(str(model), [TEXT] * 20, RECIPE, out)
    assert not trap.sprung.exists()


def test_the_command_line_and_the_service_refuse_it(model: Path, trap: Trap, tmp_path: Path) -> None:
    (model / "model.safetensors").unlink()
    trap.save(model / "pytorch_model.bin")
    for words in (("probe", "A text."), ("serve", "--port", "0"), ("worker", "--once")):
        done = subprocess.run(
            [sys.executable, "-m", "probe", *words, "--target", str(model)], capture_output=True, text=True,
            check=False, env=os.environ | {"MEMPROBE_HOME": str(tmp_path / "home")}, timeout=120,
        )  # fmt: skip
        assert done.returncode == 2 and "safetensors only, because unpickling runs code" in done.stderr, done.stderr
        assert "Traceback" not in done.stderr and not trap.sprung.exists()


def test_the_commit_stands_in_the_fingerprint(
    make_model: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub's cache, as a download leaves it; a branch is a name for a commit."""
    commits = {"main": "1" * 40, "dev": "2" * 40}
    cache = tmp_path / "models--org--mine"
    for branch, commit in commits.items():
        shutil.copytree(make_model("llama"), cache / "snapshots" / commit)
        (cache / "refs").mkdir(exist_ok=True)
        (cache / "refs" / branch).write_text(commit)
    weights = load_file(cache / "snapshots" / commits["dev"] / "model.safetensors")
    save_file(
        {name: part + 1 for name, part in weights.items()}, cache / "snapshots" / commits["dev"] / "model.safetensors"
    )
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    engines = {
        branch: LocalEngine.open("org/mine", revision=branch) for branch in (None, "main", "dev", commits["dev"])
    }
    found = [engine.identity.revision for engine in engines.values()]
    assert found == [commits["main"], commits["main"], commits["dev"], commits["dev"]]
    taken = take(Setup(engines["dev"], engines["main"]))
    assert taken.revisions == {"target": commits["dev"], "reference": commits["main"]}
    assert taken.target != taken.reference  # and the content decides
    assert take(Setup(LocalEngine.open(str(make_model("llama"))))).revisions == {}
