"""The commands in this process, and what the guide shows of them."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from probe.cli import app
from probe.errors import InputError, MemprobeError, ModelError, Tampered
from tests.canaries.conftest import Read
from tests.tiny import ASSETS

GUIDE = (Path(__file__).parents[2] / "docs" / "guide.md").read_text()
REFERENCE = str(ASSETS / "reference")


def command(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["canaries", *arguments], env={"COLUMNS": "200"})


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where we stand."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_from_a_draw_to_a_report(here: Path) -> None:
    made = command("make", "--out", "c", "--count", "4", "--alternatives", "19")
    assert made.exit_code == 0 and re.fullmatch(r"sha256:[0-9a-f]{64}\n", made.stdout)
    assert "keep it, and to yourself" in made.stderr and len((here / "c" / "plant.jsonl").read_text().splitlines()) == 4
    options = ("--target", str(ASSETS / "target"), "--reference", REFERENCE, "--commitment", made.stdout.strip())
    done = command(
        "test", "c", *options, "--json", "--out", "report", "--published", "c/plant.jsonl", "--alpha", "1e-5"
    )
    said = json.loads(done.stdout)
    assert said["object"] == "canaries" and said["verdict"] == "inconclusive" and said["evidence"] == "A"
    assert said["smallest_p_value"] == pytest.approx(20**-4) and len(said["canaries"]) == 4
    assert said["needed"] is None and said["gates"]["commitment"] == said["gates"]["published"] == "pass"
    assert "Wrote canaries.json, exposure.png, exposure.svg, report.html to report" in done.stderr
    assert said == json.loads((here / "report" / "canaries.json").read_text())


def test_wordings_of_ones_own(here: Path) -> None:
    rows = [{"id": f"p{i}", "texts": [f"Passage {i}, {way}." for way in ("one", "two", "three")]} for i in range(3)]
    (here / "v.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"id": "bad"}]))
    made = command("make", "--out", "c", "--variants", "v.jsonl")
    assert made.exit_code == 0 and "Not drawn: v.jsonl, row 4" in made.stderr
    said = " ".join(command("test", "c").stdout.split())  # the embedded pair
    assert "inconclusive evidence A" in said and "0.01 takes 2 canaries more, or 4 alternatives to each" in said
    assert "p1" in said and "Passage" not in said
    both = command("make", "--out", "d", "--variants", "v.jsonl", "--count", "3")
    assert isinstance(both.exception, InputError) and "leave --count" in str(both.exception)


def test_templates_take_turns(here: Path) -> None:
    command("make", "--out", "c", "--count", "4", "--alternatives", "9", "--template", "A {word} {digit}{digit}",
            "--template", "B {word} {word}")  # fmt: skip
    texts = [json.loads(line)["text"] for line in (here / "c" / "plant.jsonl").read_text().splitlines()]
    assert "".join(text[0] for text in texts) == "ABAB"


def test_errors_name_the_remedy(here: Path) -> None:
    command("make", "--out", "c", "--count", "2", "--alternatives", "9")
    (here / "other").mkdir()
    (here / "page.txt").write_text("Nothing of them.")
    target = ("--target", REFERENCE)
    for arguments, kind, words in (
        (("make", "--out", "c"), InputError, "name a folder that is not"),
        (("make", "--out", "/proc/c"), InputError, "/proc/c cannot be written"),
        (("make", "--out", "x", "--template", "{wrod}"), InputError, "no other braces"),
        (("make", "--out", "x", "--variants", "typo.jsonl"), InputError, "No file typo.jsonl"),
        (("test", "other", *target), InputError, "name a folder of `memprobe canaries make`"),
        (("test", "c", "--target", "/nowhere/model"), ModelError, "/nowhere/model"),
        (("test", "c", *target, "--commitment", "1" * 64), Tampered, "Name the folder that was made then"),
        (("test", "c", *target, "--commitment", "1"), InputError, "is no commitment"),
        (("test", "c", *target, "--published", "typo.txt"), InputError, "No file typo.txt"),
        (("test", "c", *target, "--published", "page.txt"), InputError, "does not stand in what was published"),
        (("test", "c", *target, "--alternatives-used", "0"), InputError, "one alternative at least"),
        (("test", "c", *target, "--out", "page.txt"), InputError, "page.txt is a file"),
    ):
        done = command(*arguments)
        assert isinstance(done.exception, kind) and words in str(done.exception), (arguments, done.exception)
    assert not (here / "x").exists()
    (here / "c" / "secret.json").write_text("{}")
    done = command("test", "c", *target)
    assert isinstance(done.exception, MemprobeError) and "put back the file" in str(done.exception)
    call = [sys.executable, "-m", "probe", "canaries", "test", "c"]
    real = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)
    assert real.returncode == 2 and real.stderr.startswith("memprobe: c/secret.json") and "Traceback" not in real.stderr


def test_the_guide_s_commands(here: Path, read: Read) -> None:
    section = GUIDE.split("## Canaries: proof that can be planted\n")[1].split("\n## ")[0]
    shown = [shlex.split(line) for line in re.findall(r"^memprobe canaries (.*)$", section, flags=re.MULTILINE)]
    assert [line[0] for line in shown] == ["make", "test", "make"]
    row = {"id": "preface", "texts": ["We thank all readers.", "All readers have our thanks."]}
    (here / "wordings.jsonl").write_text(json.dumps(row) + "\n")
    assert command(*shown[0]).exit_code == 0
    assert len((here / "canaries" / "plant.jsonl").read_text().splitlines()) == 20
    (here / "canaries").rename(here / "twenty")
    (here / "canaries").symlink_to(read.folder)
    (here / "page.txt").write_text("\n\n".join(canary.planted for canary in read.planting.canaries))
    named = {"ID_OR_PATH": iter([str(read.model), REFERENCE]), "HASH": iter([read.planting.commitment])}
    done = command(*[next(named[part]) if part in named else part for part in shown[1]])
    assert done.exit_code == 0 and "member" in done.stdout.split()[0] and (here / "report" / "report.html").is_file()
    assert "gate pass" in done.stdout
    assert command(*shown[2]).exit_code == 0
