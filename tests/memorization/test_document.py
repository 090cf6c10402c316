"""From a file to a report: memprobe document."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from probe.cli import app
from probe.demo.locate import find, marks
from tests.documents.made import as_epub, as_html, as_pdf, as_text

COMMAND = ["document", "--prefix", "12", "--suffix", "12", "--stride", "4"]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Passages, a third of which the target never read, and some of which it read often."""
    every = marks()
    random.Random(0).shuffle(every)
    kinds = {"member": 12, "nonmember": 12, "planted": 12}
    chosen = [
        [one for one in every if one.role == role and one.split == "test"][:count] for role, count in kinds.items()
    ]
    found = find([one for group in chosen for one in group])
    rows = [text for text in found.values() if text.isascii()]
    random.Random(1).shuffle(rows)
    return rows


def run(*arguments: str) -> tuple[dict[str, object], str]:
    done = CliRunner().invoke(app, [*COMMAND, *arguments], env={"COLUMNS": "120"})
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout), done.stderr


def test_from_a_file_to_a_report(texts: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(as_text(texts))
    found, _ = run(str(tmp_path / "a.txt"), "--out", str(tmp_path / "out"), "--generate", "3", "--json")
    target, reference = found["target"], found["reference"]
    assert isinstance(target, dict) and isinstance(reference, dict)
    assert target["share"]["0.001"] > 0.02 > reference["share"]["0.001"] and target["greedy"] > 0 == reference["greedy"]
    continuations = found["continuations"]
    assert isinstance(continuations, list) and len(continuations) == 3 and any(one["near"] for one in continuations)
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {
        "document.json", "passages.csv", "report.html", "text.txt", "strip.svg", "strip.png", "windows.svg",
        "windows.png",
    }  # fmt: skip
    page, text = (tmp_path / "out" / "report.html").read_text(), (tmp_path / "out" / "text.txt").read_text()
    for said in ("The question", "What this does not prove", "near-verbatim", "held word for word", "How to repeat it"):
        assert said in page
    rows = list(csv.DictReader((tmp_path / "out" / "passages.csv").read_text().splitlines()))
    assert " ".join(text[int(row["start"]) : int(row["end"])] for row in rows).split() == text.split()
    calls = {row["verdict"] for row in rows}
    assert calls >= {"member", "inconclusive"} and "not_member" not in calls  # of what is cut anew
    assert any("cut anew" in row["reason"] for row in rows)


def test_the_model_s_own_words_are_shown(texts: list[str], tmp_path: Path) -> None:
    """What it writes by the likeliest tokens, and the nearest of what it writes by chance, on the terminal too."""
    (tmp_path / "a.txt").write_bytes(as_text(texts))
    arguments = [str(tmp_path / "a.txt"), "--generate", "3", "--samples", "8"]
    found, _ = run(*arguments, "--out", str(tmp_path / "out"), "--json")
    continuations = found["continuations"]
    assert isinstance(continuations, list)
    for one in continuations:
        drawn = one["sampled"]
        assert drawn["count"] == 8 and (drawn["near"] > 0) == (drawn["distance"] <= 0.1) and drawn["nearest"]
    assert any(one["sampled"]["near"] > 3 for one in continuations)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "the nearest of 8 samples" in page and "--generate 3 --samples 8" in page
    shown = " ".join(CliRunner().invoke(app, [*COMMAND, *arguments], env={"COLUMNS": "200"}).stdout.split())
    assert shown.count("nearest of 8 samples") == 3 and "near-verbatim: edit distance" in shown


def test_without_its_text(texts: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(as_text(texts[:6]))
    run(str(tmp_path / "a.txt"), "--out", str(tmp_path / "out"), "--no-texts", "--json")
    page = (tmp_path / "out" / "report.html").read_text()
    assert not any(text[:30] in page for text in texts)


def test_every_format_gives_the_same_verdicts(texts: list[str], tmp_path: Path) -> None:
    makers = {"a.txt": as_text, "a.html": as_html, "a.epub": as_epub, "a.pdf": as_pdf}
    seen = []
    for name, maker in makers.items():
        (tmp_path / name).write_bytes(maker(texts))
        found, _ = run(str(tmp_path / name), "--json")
        passages = found["passages"]
        assert isinstance(passages, list)
        seen.append([(one["verdict"], one["p_value"] and round(one["p_value"], 9)) for one in passages])
    assert seen[0] == seen[1] == seen[2] == seen[3] and len(seen[0]) > 10


def test_what_was_read_alone(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Title\n\nSome *words* in a\nline.\n")
    done = CliRunner().invoke(app, ["document", str(tmp_path / "a.md"), "--text-only"])
    assert done.stdout == "Title\n\nSome words in a line.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--prefix", "0"], "1 at least"),
        (["--prefix", "300"], "too short for a prefix of 300"),
        (["--temperature", "0"], "a top-k of 1 is greedy"),
        (["--stride", "9" * 25], "1,000,000 at most"),
        ([], "ending is not known"),
    ],
)
def test_errors_name_the_remedy(arguments: list[str], said: str, tmp_path: Path) -> None:
    path = tmp_path / ("a.txt" if arguments else "a.doc")
    path.write_text("word and " * 400)
    done = CliRunner().invoke(app, ["document", str(path), *arguments])
    assert done.exit_code != 0 and said in str(done.exception)
