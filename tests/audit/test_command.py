"""The evaluate command in this process, and what the guide shows of it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from probe.audit.labelled import Entry
from probe.cli import app
from probe.errors import InputError, UnknownName
from tests.tiny import ASSETS

GUIDE = (Path(__file__).parents[2] / "docs" / "guide.md").read_text()


def command(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["evaluate", *arguments])


@pytest.fixture
def folder(tmp_path: Path, passages: list[Entry], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the guide's files lie, and we stand."""
    rows = [{"text": entry.text.text, "label": int(entry.member)} for entry in passages]
    write(tmp_path / "labelled.jsonl", [*rows, {"id": "empty", "text": "", "label": 1}, {"text": "no label"}])
    write(tmp_path / "members.jsonl", [row["text"] for row in rows if row["label"]])
    write(tmp_path / "nonmembers.jsonl", [row["text"] for row in rows if not row["label"]])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: Path, rows: list[Any]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_the_table(folder: Path) -> None:
    done = command("labelled.jsonl", "--scores", "loss,ref", "--out", "report")
    assert done.exit_code == 0
    said = " ".join(done.stdout.split())
    assert "60 members and 60 non-members were evaluated." in said and "words alone" in said
    assert "1 members and 0 non-members could not be scored" in said
    assert "TPR at FPR 0.001 takes at least 1,000 non-members; there are 60." in said
    assert "labelled.jsonl, row 122: no label" in done.stderr and "empty: Cannot score" in done.stderr
    assert len(list((folder / "report").iterdir())) == 9


def test_help() -> None:
    done = command("--help")
    assert done.exit_code == 0 and "hf:NAME/CONFIG:SPLIT" in " ".join(done.stdout.split())


def test_bars_decide_the_exit_code(folder: Path) -> None:
    bars = ("--fail-above", "tpr@fpr=0.05:0.05", "--fail-above", "loss/advantage:0.999")
    done = command("labelled.jsonl", "--scores", "loss", "--json", *bars)
    assert done.exit_code == 3
    assert [bar["kept"] for bar in json.loads(done.stdout)["bars"]] == [False, True]


def test_what_is_wrong_is_said_before_anything_is_loaded(folder: Path) -> None:
    for arguments, kind, words in (
        (("labelled.jsonl", "--fail-above", "auc"), InputError, "auc is no bar"),
        (("labelled.jsonl", "--scores", "loss", "--fail-above", "ref/auc:.5"), InputError, "A bar names ref"),
        (("labelled.jsonl", "--scores", "typo"), UnknownName, "No score named typo"),
        (("labelled.jsonl", "--out", "members.jsonl"), InputError, "is a file"),
        (("typo.jsonl",), InputError, "is not a file"),
        (("--members", "members.jsonl"), InputError, "there are 60 and 0"),
        ((), InputError, "Give a file with labels"),
    ):
        done = command(*arguments, "--target", "/nowhere/model")
        assert isinstance(done.exception, kind) and words in str(done.exception)


def test_the_guide_s_commands(folder: Path) -> None:
    section = GUIDE.split("## How well the scores work")[1].split("\n## ")[0]
    shown = [shlex.split(line) for line in re.findall(r"^memprobe (evaluate .*)$", section, flags=re.MULTILINE)]
    assert len(shown) >= 3
    models = iter([ASSETS / "target", ASSETS / "reference"] * len(shown))
    for _, *arguments in shown:
        done = command(*[str(next(models)) if part == "ID_OR_PATH" else part for part in arguments])
        assert done.exit_code == (3 if "--fail-above" in arguments else 0), (arguments, done.exception)
        assert ("Not kept: ref: auc" in done.stdout) is ("--fail-above" in arguments)
