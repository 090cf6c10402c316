"""Where commands write: what cannot be written is said before the work, and a trial leaves nothing behind."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from probe.cli import app
from probe.cli.files import new_file, read_known, writable_file, writable_folder
from probe.data.read import Columns
from probe.errors import InputError
from tests.tiny import ASSETS


def command(*arguments: str, **environment: str) -> Any:
    return CliRunner().invoke(app, arguments, env=environment)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a file of texts."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEMPROBE_HOME", str(tmp_path / "home"))
    rows = [{"text": f"Text {number} of several.", "source": f"d{number}", "label": number % 2} for number in range(4)]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


CONTROLS = ("controls", "texts.jsonl", "--pool", "texts.jsonl", "--out")
EVALUATE = ("evaluate", "texts.jsonl", "--target", "/nowhere/model", "--out")
ADAPT = ("adapt", str(ASSETS / "reference"), "--nonmembers", "texts.jsonl", "--out")
CORPUS = ("corpus", "build", "texts.jsonl", "--out")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*CONTROLS, "nd/p.jsonl"), "There is no folder nd; make it first"),
        ((*CONTROLS, "p.jsonl", "--matched", "nd/m.jsonl"), "There is no folder nd; make it first"),
        ((*CONTROLS, "/proc/p.jsonl"), "/proc/p.jsonl cannot be written"),
        ((*CONTROLS, "home"), "home is a folder; name a file"),
        ((*EVALUATE, "/proc/x"), "The folder /proc/x cannot be written"),
        ((*EVALUATE, "texts.jsonl/x"), "name another folder for --out"),
        ((*EVALUATE, "texts.jsonl"), "texts.jsonl is a file"),
        ((*CORPUS, "/proc/ci"), "The folder /proc/ci cannot be written"),
        ((*CORPUS, "texts.jsonl/x"), "name another folder"),
        ((*CORPUS, "x" * 300), "name another folder"),
        ((*ADAPT, "/proc/zz"), "The folder /proc/zz cannot be written"),
        ((*ADAPT, "x" * 300), "name another folder"),
        ((*CONTROLS, "x" * 300), "name another file"),
        (("probe", "A text.", "--record", "x" * 300), "name another file"),
        ((*ADAPT, "home"), "home is there already; name a folder that is not"),
        (("probe", "A text.", "--target", "/nowhere/model", "--record", "/proc/r.jsonl"), "/proc/r.jsonl cannot be"),
    ],
)
def test_what_cannot_be_written_is_said_before_the_work(folder: Path, arguments: tuple[str, ...], words: str) -> None:
    (folder / "home").mkdir()
    done = command(*arguments)
    assert isinstance(done.exception, InputError) and words in str(done.exception), done.exception
    assert sorted(path.name for path in folder.iterdir()) == ["home", "texts.jsonl"]


def test_calibrate_needs_a_home_and_a_name_before_it_reads_texts(folder: Path) -> None:
    call = ("--nonmembers", "none.jsonl", "--target", "/nowhere/model")
    for name, home, words in (
        ("mine", "/proc/home", "set MEMPROBE_HOME to another"),
        ("mine", "texts.jsonl", "set MEMPROBE_HOME to another"),
        ("../x", "home", "'../x' cannot name a calibration"),
        ("mine", "home", "No file none.jsonl"),
    ):
        done = command("calibrate", name, *call, MEMPROBE_HOME=home)
        assert isinstance(done.exception, InputError) and words in str(done.exception), done.exception


def test_a_trial_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "file").write_text("kept")
    for path in (tmp_path / "there", tmp_path / "new"):
        assert writable_folder(path) == path
    for path in (tmp_path / "file", tmp_path / "none"):
        assert writable_file(path) == path
    new_file(tmp_path / "none")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "there"]
    assert (tmp_path / "file").read_text() == "kept" and not list((tmp_path / "there").iterdir())


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # which would wait for a reader
    assert writable_file(tmp_path / "pipe").is_fifo()


def test_a_misnamed_column_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "many.jsonl"
    path.write_text('{"content": "a text"}\n' * 500)
    with pytest.raises(InputError, match=r'the first says no string under "text"\. Name the field .*--text-column'):
        read_known([path], Columns())
    said = capsys.readouterr().err.splitlines()
    assert len(said) < 30 and said[-1].startswith("... and 480 rows more")


def test_a_source_that_no_row_names_is_refused(folder: Path) -> None:
    done = command("calibrate", "mine", "--nonmembers", "texts.jsonl", "--source-column", "nosuch")
    assert isinstance(done.exception, InputError) and 'no row has a field "nosuch"' in str(done.exception)
