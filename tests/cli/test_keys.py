"""memprobe keys, and what `serve` says where there are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from probe.access.keys import KeyRing
from probe.access.record import Record
from probe.cli import app
from probe.errors import InputError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEMPROBE_HOME", str(tmp_path))
    return tmp_path


def test_from_a_new_key_to_its_end(home: Path) -> None:
    run = CliRunner().invoke
    made = run(app, ["keys", "add", "alice", "--scope", "probe", "--rate", "60/minute", "--budget", "5000/day"])
    assert made.exit_code == 0 and "may probe" in made.stderr
    key = KeyRing(home / "keys.json").find(made.stdout.strip())
    assert key and (key.scopes, key.rate, key.budget) == (("probe",), "60/minute", "5000/day")
    assert run(app, ["keys", "add", "bob", "--owner", "alice"]).exit_code == 0
    assert run(app, ["keys", "list"]).stdout.splitlines() == [
        "alice: owner alice, probe, 60/minute, 5000/day", "bob: owner alice, probe, scan"
    ]  # fmt: skip
    listed = run(app, ["keys", "list", "--json"]).stdout
    assert [one["name"] for one in json.loads(listed)["data"]] == ["alice", "bob"] and key.hash not in listed
    for name in ("alice", "bob"):
        assert run(app, ["keys", "revoke", name]).stdout == "revoked\n"
    assert "Make one" in run(app, ["keys", "list"]).stdout


def test_the_log_is_asked_by_key_and_by_text(home: Path) -> None:
    record = Record(home)
    record.note({"key": "alice"}, [record.hashed("the text\n")])
    record.note({"key": "bob"}, [record.hashed("another" if n == 299 else str(n)) for n in range(600)])
    (home / "other.txt").write_text("another")
    (home / "text.txt").write_text("the text\n")
    run = CliRunner().invoke
    assert len(run(app, ["keys", "log"]).stdout.splitlines()) == 2
    for options in (["--key", "alice"], ["--text", str(home / "text.txt")]):
        (line,) = run(app, ["keys", "log", *options]).stdout.splitlines()
        assert json.loads(line)["key"] == "alice"
    (line,) = run(app, ["keys", "log", "--text", str(home / "other.txt")]).stdout.splitlines()
    assert json.loads(line)["key"] == "bob"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["keys", "add", "alice", "--rate", "often"], "is no rate"),
        (["keys", "add", "alice", "--rate", "100/minute;2/day"], "holds 2 limits, and one is kept"),
        (["keys", "add", "alice", "--rate", "0/minute"], "rate '0/minute' lets nothing through"),
        (["keys", "add", "alice", "--budget", "0/day"], "budget '0/day' lets nothing through"),
        (["keys", "add", "alice", "--scope", "all"], "No scope is named 'all'"),
        (["keys", "revoke", "alice"], "No key is named"), (["keys", "log", "--text", "none.txt"], "No file none.txt"),
        (["serve", "--host", "0.0.0.0", "--port", "0"], "memprobe keys add NAME"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_told(arguments: list[str], said: str) -> None:
    found = CliRunner().invoke(app, arguments)
    assert isinstance(found.exception, InputError) and said in str(found.exception)
