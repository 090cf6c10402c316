"""The command in this process, and what the guide shows of it."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from probe.audit.labelled import Entry
from probe.cli import app
from probe.errors import InputError
from tests.tiny import ASSETS

GUIDE = (Path(__file__).parents[2] / "docs" / "guide.md").read_text()
MODELS = {name: ASSETS / asset for name, asset in (
    ("BEFORE", "target"), ("AFTER", "reference"), ("RETRAINED_1", "sibling")
)}  # fmt: skip


def command(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["audit", "deletion", *arguments])


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The target stands for the model before, its base for the one after; those that saw other texts for retrained."""
    other = tmp_path_factory.mktemp("sibling") / "other"
    shutil.copytree(ASSETS / "sibling", other)
    torch.manual_seed(0)
    weights = load_file(other / "model.safetensors")
    moved = {
        name: one + 0.01 * one.float().std() * torch.randn(one.shape).to(one.dtype) for name, one in weights.items()
    }
    save_file({name: one.to(weights[name].dtype) for name, one in moved.items()}, other / "model.safetensors", {
        "format": "pt"
    })  # fmt: skip
    return MODELS | {"RETRAINED_2": other}


@pytest.fixture
def folder(tmp_path: Path, passages: list[Entry], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the guide's files lie, and we stand."""
    for name, member in (("deleted", True), ("unseen", False)):
        rows = [{"text": entry.text.text} for entry in passages if entry.member is member]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"text": ""}]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def given(models: dict[str, Path], after: str = "AFTER", **more: str) -> list[str]:
    named = {"before": models["BEFORE"], "after": models[after], "retrained": models["RETRAINED_1"]}
    texts = {"deleted": "deleted.jsonl", "unseen": "unseen.jsonl"}
    return [part for name, value in {**named, **texts, **more}.items() for part in (f"--{name}", str(value))]


def test_the_guide_s_commands(folder: Path, models: dict[str, Path]) -> None:
    section = GUIDE.split("### Was it really deleted?")[1].split("\n## ")[0].replace("\\\n", " ")
    lines = re.findall(r"^memprobe audit deletion (.*)$", section, flags=re.MULTILINE)
    assert len(lines) == 2
    for line in lines:
        arguments = [str(models.get(part, part)) for part in shlex.split(line)]
        done = command(*arguments)
        assert done.exit_code == 0, (line, done.output, done.exception)
        assert "within the margin of" in " ".join(done.stdout.split())
    assert {path.name for path in (folder / "report").iterdir()} >= {"deletion.json", "texts.csv", "report.html"}
    assert json.loads((folder / "report" / "deletion.json").read_text())["outcome"] == "deleted"


def test_the_table(folder: Path, models: dict[str, Path]) -> None:
    done = command(*given(models, after="BEFORE"))
    said = " ".join(done.stdout.split())
    assert done.exit_code == 0 and "traces left" in said and "There is one retrained model" in said
    assert "deleted texts 60, unseen 60" in said and "PrivLeak" in said and "effect before" in said
    assert "deleted text 61: the text is empty" in done.stderr and "takes at least 100 non-members" in said


def test_the_exit_code_and_json(folder: Path, models: dict[str, Path]) -> None:
    left = command(*given(models, after="BEFORE"), "--json", "--fail-unless-deleted")
    said = json.loads(left.stdout)
    assert (left.exit_code, said["outcome"], said["object"]) == (3, "traces left", "deletion")
    assert said["margin"] == {"share": 0.1, "nats": None} and said["together"]["equivalence"]["margin_nats"] > 0.05
    gone = command(*given(models, margin="0.5"), "--json", "--fail-unless-deleted")
    said = json.loads(gone.stdout)
    assert (gone.exit_code, said["outcome"], said["together"]["equivalence"]["margin_nats"]) == (0, "deleted", 0.5)


def test_sources_are_units(folder: Path, models: dict[str, Path], passages: list[Entry]) -> None:
    for name, member in (("deleted", True), ("unseen", False)):
        texts = [entry.text.text for entry in passages if entry.member is member]
        rows = [{"text": text, "book": f"{name} {n // 4}"} for n, text in enumerate(texts)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = json.loads(command(*given(models), "--json", "--source-column", "book").stdout)
    assert said["together"]["units"] == [15, 15] and said["together"]["by_source"] and "sources" in said["limits"]


def test_what_is_wrong_is_said_before_anything_is_loaded(folder: Path) -> None:
    nowhere = dict.fromkeys(("BEFORE", "AFTER", "RETRAINED_1"), Path("/nowhere/model"))
    for more, words in (
        ({"margin": "much"}, "is no margin"), ({"alpha": "0.7"}, "alpha lies"), ({"out": "deleted.jsonl"}, "is a file"),
        ({"unseen": "typo.jsonl"}, "No file"), ({"unseen": "deleted.jsonl"}, "there are 61 and 1"),
    ):  # fmt: skip
        done = command(*given(nowhere, **more))
        assert isinstance(done.exception, InputError) and words in str(done.exception), (more, done.exception)
    assert command("--help").exit_code == 0 and command("--before", "x").exit_code == 2
