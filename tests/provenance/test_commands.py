"""The commands as the guide shows them, and their exit codes."""

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
from probe.errors import InputError
from tests.provenance.test_record import SENTENCE

GUIDE = (Path(__file__).parents[2] / "docs" / "guide.md").read_text()
OTHER = "A second text, which stands in no corpus at all and is only here so that there are two of them to look at."


def command(*arguments: str, **environment: str) -> Any:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200", **environment})


def shown(section: str) -> list[list[str]]:
    """Returns the commands of a section of the guide."""
    text = GUIDE.split(f"## {section}\n")[1].split("\n## ")[0]
    lines = "\n".join(re.findall(r"```\n(.*?)```", text, flags=re.DOTALL)).splitlines()
    return [shlex.split(line)[1:] for line in lines]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the files that the guide names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEMPROBE_HOME", str(tmp_path / "home"))
    rows = [{"id": "first", "text": SENTENCE}, {"id": "second", "text": OTHER}]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "corpus.jsonl").write_text(
        "".join(json.dumps({"text": text}) + "\n" for text in (f"Before. {SENTENCE} After.", SENTENCE))
    )
    return tmp_path


def test_a_corpus_is_shown_beside_the_statistic(folder: Path) -> None:
    for arguments in shown("Looking a text up in the corpus itself"):
        done = command(*arguments)
        assert done.exit_code == 0, done
    said = " ".join(done.stdout.split())
    assert "In the corpus: the whole text, in 1 document: corpus.jsonl:2." in said
    assert "In the corpus: not found." in said and "p-value" in said
    with_it, without = (
        [json.loads(line) for line in command("probe", "texts.jsonl", "--json", *options).stdout.splitlines()]
        for options in (("--corpus", "corpus-index"), ())
    )
    assert with_it[0]["corpus"]["found"] == "exact" and without[0]["corpus"] is None
    for one, other in zip(with_it, without, strict=True):
        for field in set(one) - {"corpus", "provenance"}:
            assert one[field] == other[field], field
    (folder / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in with_it))
    assert command("verify", "r.jsonl", "--texts", "texts.jsonl").exit_code == 0
    (folder / "corpus-index" / "index.json").rename(folder / "away.json")
    done = command("verify", "r.jsonl", "--texts", "texts.jsonl")
    assert done.exit_code == 2 and "corpus not opened" in done.stdout


def test_results_that_others_can_check(folder: Path) -> None:
    for arguments in shown("Results that others can check"):
        done = command(*arguments)
        assert done.exit_code == 0, (arguments, done)
    assert "2 of 2 results reproduced within 0.001" in done.stdout and "Signed with this key" in done.stdout
    assert SENTENCE.encode() not in (folder / "bundle.zip").read_bytes()

    unmeasured = command("verify", "bundle.zip", "--key", "keys/public.pem")
    assert unmeasured.exit_code == 2 and "nothing was measured again" in unmeasured.stdout
    assert "Signed with this key" in unmeasured.stdout
    unsure = command("verify", "bundle.zip")
    assert unsure.exit_code == 2 and "not checked" in unsure.stdout
    data = bytearray((folder / "bundle.zip").read_bytes())
    data[100] ^= 1
    (folder / "bent.zip").write_bytes(data)
    bent = command("verify", "bent.zip", "--key", "keys/public.pem")
    assert bent.exit_code == 1 and "do not rely on it" in bent.stderr

    lines = (folder / "results.jsonl").read_text().splitlines()
    row = json.loads(lines[0])
    row["scores"]["loss"]["value"] += 0.01
    (folder / "changed.jsonl").write_text("\n".join([json.dumps(row), lines[1]]))
    changed = command("verify", "changed.jsonl", "--texts", "texts.jsonl")
    assert changed.exit_code == 1 and "1 of 2 results reproduced" in changed.stdout and "differs" in changed.stdout
    assert command("verify", "results.jsonl").exit_code == 2
    (folder / "broken.jsonl").write_text(f"{lines[0]}\n{{}}\n")
    broken = command("verify", "broken.jsonl", "--texts", "texts.jsonl")
    assert broken.exit_code == 2 and "row 2: no provenance" in broken.stderr


def test_an_unsigned_bundle_without_its_texts_is_not_reproduced(folder: Path) -> None:
    command("probe", SENTENCE, "--record", "results.jsonl")
    command("bundle", "results.jsonl", "--out", "bundle.zip")
    assert command("verify", "bundle.zip").exit_code == 2


def test_a_made_up_batch_cannot_be_checked_and_the_summary_says_so(folder: Path) -> None:
    command("probe", SENTENCE, "--record", "results.jsonl")
    row = json.loads((folder / "results.jsonl").read_text())
    row["q_value"] = 1.0 if row["p_value"] > 0.02 else row["p_value"] * 50
    row["provenance"]["batch"] = {"size": 50, "sha256": "sha256:" + "0" * 64}
    (folder / "forged.jsonl").write_text(json.dumps(row))
    (folder / "texts.txt").write_text(SENTENCE)
    done = command("verify", "forged.jsonl", "--texts", "texts.txt")
    said = " ".join(done.stdout.split())
    assert done.exit_code == 2 and "0 of 1 results reproduced" in said and "1 could not be checked" in said


def test_a_passphrase_from_the_environment_or_asked_for(folder: Path) -> None:
    command("probe", SENTENCE, "--record", "results.jsonl", "--with-texts")
    made = command("bundle-key", "--out", "keys", MEMPROBE_KEY_PASSPHRASE="secret")
    assert made.exit_code == 0 and "ENCRYPTED" in (folder / "keys" / "private.pem").read_text()
    sign = ("bundle", "results.jsonl", "--key", "keys/private.pem", "--with-texts", "--report", "texts.jsonl", "--out")
    wrong = command(*sign, "bundle.zip", MEMPROBE_KEY_PASSPHRASE="wrong")
    assert isinstance(wrong.exception, InputError) and "passphrase is another" in str(wrong.exception)
    assert command(*sign, "bundle.zip", MEMPROBE_KEY_PASSPHRASE="secret").exit_code == 0
    asked = CliRunner().invoke(app, [*sign, "again.zip"], input="secret\n")
    assert asked.exit_code == 0 and (folder / "again.zip").read_bytes() == (folder / "bundle.zip").read_bytes()
    done = command("verify", "bundle.zip", "--key", "keys/public.pem")  # the texts are in it
    assert done.exit_code == 0 and "1 of 1 results reproduced" in done.stdout


def test_errors_are_one_line_with_the_remedy(folder: Path) -> None:
    command("probe", SENTENCE, "--record", "results.jsonl")
    (folder / "plain.jsonl").write_text('{"index": 0}\n')
    for arguments, words in (
        (("probe", SENTENCE, "--record", "results.jsonl"), "exists; name a new file"),
        (("probe", SENTENCE, "--corpus", "none"), "memprobe corpus build"),
        (("corpus", "build", "none.jsonl", "--out", "x"), "No file none.jsonl"),
        (("bundle", "results.jsonl", "--out", "results.jsonl"), "exists; name a new file"),
        (("bundle", "results.jsonl", "--out", "none/x.zip"), "no folder none"),
        (("bundle-key", "--out", "plain.jsonl"), "cannot be made"),
        (("bundle", "plain.jsonl", "--out", "x.zip"), "no provenance"),
        (("verify", "none.jsonl"), "cannot be read"),
        (("verify", "results.jsonl", "--calibration", "typo"), "No calibration named typo"),
    ):
        done = command(*arguments)
        assert isinstance(done.exception, InputError) and words in str(done.exception), done
    call = [sys.executable, "-m", "probe", "verify", "plain.jsonl"]
    real = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)
    assert real.returncode == 2 and "no provenance" in real.stderr and "Traceback" not in real.stderr
