"""The commands that the guide shows are the commands that run."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from probe.cli import app
from probe.documents.document import digest
from probe.errors import InputError
from tests.collections.conftest import Passages
from tests.collections.test_exchangeability import LINES
from tests.documents.made import as_epub, as_html, as_pdf, as_text

GUIDE = (Path(__file__).parents[2] / "docs" / "guide.md").read_text()


def command(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def folder(tmp_path: Path, passages: Passages, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the guide names."""
    members, others = passages.members, passages.nonmembers
    files = {"suspect": members[:48], "controls": others[:48], "known-members": members[48:96], "pool": others[48:168]}
    for name, texts in files.items():
        rows = [
            {"text": text.text, "source": f"{name} {i // 2}", "site": "docs", "date": f"202{i // 2 % 2}-05-01"}
            for i, text in enumerate(texts)
        ]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "benchmark.jsonl").write_text("".join(json.dumps({"text": line}) + "\n" for line in LINES))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_guide_s_commands_run(folder: Path) -> None:
    shown = re.findall(r"^memprobe ((?:collection|controls|order) .*)$", GUIDE, flags=re.MULTILINE)
    assert {line.split()[0] for line in shown} == {"collection", "controls", "order"}
    for line in sorted(shown, key=lambda line: not line.startswith("controls")):  # it makes files that others read
        done = command(*shlex.split(line))
        assert done.exit_code == 0, (line, done.output, done.exception)


def test_collection(folder: Path) -> None:
    paths = ("suspect.jsonl", "--controls", "controls.jsonl", "--members", "known-members.jsonl")
    said = json.loads(command("collection", *paths, "--json", "--random-split").stdout)
    assert said["verdict"] == "member" and said["p_value"] <= 1e-4 and said["evidence"] == "B"
    assert said["documents"] == {"suspect": 24, "controls": 24, "members": 24} and said["share"]["low"] > 0.8
    table = " ".join(command("collection", *paths).stdout.split())
    assert "inconclusive" in table and "it takes 50 on each side" in table and "still needed: 26 suspect" in table
    assert re.search(r"share of members: [01]\.\d\d \[", table)


def test_its_report(folder: Path) -> None:
    paths = ("suspect.jsonl", "--controls", "controls.jsonl", "--random-split", "--alpha", "0.02")
    done = command("collection", *paths, "--out", "out", "--json")
    assert done.exit_code == 0 and "Wrote collection.json, report.html to out" in done.stderr
    told = json.loads((folder / "out" / "collection.json").read_text())
    assert json.loads(done.stdout).items() <= told.items() and told["alpha"] == 0.02 and told["calibration"] == "demo"
    assert told["files"]["suspect"]["suspect.jsonl"] == digest((folder / "suspect.jsonl").read_bytes())
    assert told["repeat"].endswith("--calibration demo --by mean --alpha 0.02 --seed 0 --random-split")
    page = (folder / "out" / "report.html").read_text()
    for said in (
        "<strong>member</strong>, evidence B",
        "at most 2% would be called member",
        told["repeat"],
        "gate size",
    ):
        assert said in page
    rows = [json.loads(line)["text"] for line in (folder / "suspect.jsonl").read_text().splitlines()]
    assert not any(text[:40] in page for text in rows)


def test_plain_files_are_documents(folder: Path, passages: Passages) -> None:
    for side, texts in (("s", passages.members), ("c", passages.nonmembers)):
        for number in range(3):
            (folder / f"{side}{number}.txt").write_text("\n\n".join(text.text for text in texts[10 * number :][:10]))
    suspects, controls = ([f"{side}{number}.txt" for number in range(3)] for side in "sc")
    named = [part for path in controls for part in ("--controls", path)]
    said = json.loads(command("collection", *suspects, *named, "--json").stdout)
    assert said["documents"] == {"suspect": 3, "controls": 3, "members": 0}
    assert said["share"] == {"reason": "no known members are named (--members)"} and said["verdict"] == "inconclusive"


def test_folders_of_documents_of_any_kind(folder: Path, passages: Passages) -> None:
    makers = {"txt": as_text, "pdf": as_pdf, "epub": as_epub}
    for side, texts in (("catalogue", passages.members), ("controls", passages.nonmembers)):
        (folder / side / "more").mkdir(parents=True)
        (folder / side / "cover.jpg").write_bytes(b"no text")
        plain = [text.text.encode("ascii", "replace").decode() for text in texts]
        for number, (ending, maker) in enumerate(makers.items()):
            (folder / side / "more" / f"{number}.{ending}").write_bytes(maker(plain[10 * number :][:10]))
    said = json.loads(command("collection", "catalogue", "--controls", "controls", "--json").stdout)
    assert said["documents"] == {"suspect": 3, "controls": 3, "members": 0}
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match="holds no file that can be read"):
        CliRunner().invoke(app, ["collection", "empty", "--controls", "controls"], catch_exceptions=False)


def test_the_format_of_a_file_makes_no_difference(folder: Path, passages: Passages) -> None:
    """Lines broken and words hyphenated in one format, whole in the other: the same passages, the same figures."""
    makers = {"txt": hyphenated, "html": as_html, "epub": as_epub}
    for side, texts in (("s", passages.members), ("c", passages.nonmembers)):
        plain = [" ".join(re.sub(r"[^ -~]|[*_#]", " ", text.text).split()) for text in texts[:60]]
        for ending, maker in makers.items():
            (folder / f"{side}-{ending}").mkdir()
            for number in range(6):
                (folder / f"{side}-{ending}" / f"{number}.{ending}").write_bytes(maker(plain[10 * number :][:10]))
    arguments = ("collection", "s-html", "--json", "--controls")
    figures = [json.loads(command(*arguments, f"c-{ending}").stdout) for ending in makers]
    assert all(one == figures[0] for one in figures) and figures[0]["documents"]["controls"] == 6


def hyphenated(texts: Sequence[str]) -> bytes:
    """Narrow lines, the longer words of which are cut."""
    cut = [re.sub(r"(?<= [a-z]{4})(?=[a-z]{4,}[ .])", "-\n", text) for text in texts]
    return "\n\n".join(cut).encode()


def test_a_file_that_gives_no_text_fails_no_other(folder: Path, passages: Passages) -> None:
    for side, texts in (("books", passages.members), ("others", passages.nonmembers)):
        (folder / side).mkdir()
        for number in range(3):
            (folder / side / f"{number}.txt").write_text("\n\n".join(text.text for text in texts[10 * number :][:10]))
    (folder / "books" / "broken.pdf").write_bytes(b"%PDF-1.4 and no more")
    (folder / "books" / "empty.txt").write_bytes(b"")
    (folder / "books" / "old.txt").write_bytes(
        "\n\n".join(text.text for text in passages.members[30:40]).encode("cp1252")
    )
    done = command("collection", "books", "--controls", "others", "--json")
    said = json.loads(done.stdout)
    assert said["documents"]["suspect"] == 4 and said["notes"][0] == "2 files that give no text were left out"
    assert "Left out books/broken.pdf: The PDF is damaged" in done.stderr
    assert "Left out books/empty.txt: The document holds no text" in done.stderr
    alone = command("collection", "books/broken.pdf", "--controls", "others")
    assert isinstance(alone.exception, InputError) and "books/broken.pdf: The PDF is damaged" in str(alone.exception)
    missing = command("collection", "none.txt", "--controls", "others")
    assert isinstance(missing.exception, InputError) and "No file none.txt" in str(missing.exception)


def test_rows_that_name_no_document_are_warned_of(folder: Path) -> None:
    rows = [json.loads(line) for line in (folder / "suspect.jsonl").read_text().splitlines()]
    (folder / "bare.jsonl").write_text("".join(json.dumps({"text": row["text"]}) + "\n" for row in rows))
    done = command("collection", "bare.jsonl", "--controls", "controls.jsonl", "--json")
    assert json.loads(done.stdout)["documents"]["suspect"] == 48
    assert 'Warning: bare.jsonl: no row names a document under "source"' in done.stderr
    assert "each of its 48 rows" in done.stderr and "controls.jsonl" not in done.stderr
    asked = command("collection", "suspect.jsonl", "--controls", "controls.jsonl", "--document-column", "nosuch")
    assert isinstance(asked.exception, InputError) and 'under "nosuch"' in str(asked.exception)


def test_controls_that_are_the_suspects(folder: Path) -> None:
    done = command("collection", "suspect.jsonl", "--controls", "suspect.jsonl")
    assert isinstance(done.exception, InputError) and "48 controls share a run of words" in str(done.exception)


def test_controls_of_another_kind_are_warned_of(folder: Path) -> None:
    args = ("controls", "suspect.jsonl", "--out", "out.jsonl", "--pool")
    assert "Warning" not in command(*args, "pool.jsonl").stdout
    rows = [json.loads(line) for line in (folder / "pool.jsonl").read_text().splitlines()]
    other = [{**row, "text": " ".join(word[::-1] for word in row["text"].split())} for row in rows]
    (folder / "other.jsonl").write_text("".join(json.dumps(row) + "\n" for row in other))
    said = " ".join(command(*args, "other.jsonl").stdout.split())
    assert "Warning: words alone still tell the matched documents from their controls" in said
    assert "--match-column" in said


def test_controls(folder: Path) -> None:
    done = command(
        "controls", "suspect.jsonl", "--pool", "pool.jsonl", "--out", "out.jsonl", "--matched", "matched.jsonl",
        "--match-column", "site", "--date-column", "date",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    mine, theirs = (
        [json.loads(line) for line in (folder / name).read_text().splitlines()]
        for name in ("matched.jsonl", "out.jsonl")
    )
    assert {row["matches"] for row in theirs} == {row["source"] for row in mine} and len(mine) >= 30
    years = {row["source"]: row["date"][:4] for row in mine}
    assert all(years[row["matches"]] == row["date"][:4] for row in theirs)
    assert "AUC of words alone" in " ".join(done.stdout.split())


def test_order(folder: Path) -> None:
    said = json.loads(command("order", "benchmark.jsonl", "--json").stdout)
    assert said["object"] == "order" and 0.01 <= said["p_value"] <= 1 and said["gates"]["reference"] in ("pass", "fail")
    assert said["target"]["sharded"]["reason"].startswith("the t-test takes 10 shards")
    assert isinstance(command("order", "benchmark.jsonl", "--shuffles", "9").exception, InputError)
