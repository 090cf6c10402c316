"""The memprobe command as a user runs it."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tiny import ASSETS

Command = Callable[..., subprocess.CompletedProcess[str]]
SENTENCE = "The option must be given before the first call, or an error is raised for every file."


def test_probe_a_text(memprobe: Command) -> None:
    done = memprobe("probe", SENTENCE)
    assert done.returncode == 0, done.stderr
    assert "known non-members" in " ".join(done.stdout.split()) and "p-value" in done.stdout


def test_probe_a_file_as_json_keeps_every_row(memprobe: Command, tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    rows = [
        json.dumps({"id": "a", "text": SENTENCE}),
        '{"id": "b", "text": ""}',
        "BAD",
        '{"id": "c"}',
        json.dumps(SENTENCE),
    ]
    path.write_bytes("\n".join(rows).encode().replace(b"BAD", b"\xff"))
    done = memprobe("probe", str(path), "--json", "--tokens", "--scores", "loss, ref")
    assert done.returncode == 1  # some rows could not be judged
    first, second, third = (json.loads(line) for line in done.stdout.splitlines())
    assert first["id"] == "a" and first["tokens"] and first["verdict"] == third["verdict"]
    assert second["error"] == "Cannot score: the text is empty."
    assert "row 3: invalid UTF-8 at byte 0" in done.stderr and 'row 4: no string under "text"' in done.stderr


def test_an_empty_text_is_one_row_that_cannot_be_judged(memprobe: Command) -> None:
    done = memprobe("probe", "--json", SENTENCE, "")
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert done.returncode == 1 and first["error"] is None and second["error"] == "Cannot score: the text is empty."


def test_probe_reads_standard_input(memprobe: Command) -> None:
    piped, given = (memprobe("probe", "--json", text, stdin=SENTENCE) for text in ("-", SENTENCE))
    assert json.loads(piped.stdout) == json.loads(given.stdout)


def test_errors_are_one_line_with_the_remedy(memprobe: Command, tmp_path: Path) -> None:
    for arguments, words in (
        (("probe", SENTENCE, "--target", str(tmp_path)), "no weights"),
        (("probe", SENTENCE, "--calibration", "typo"), "No calibration named typo. There are: demo"),
        (("probe", SENTENCE, "--scores", "typo"), "No score named typo"),
        (("probe", SENTENCE, "--reference", "x"), "brings its own reference"),
        (("probe", str(tmp_path / "typo.jsonl")), "is no file"),
        (("probe", str(tmp_path)), "is no file"),
        (("probe", SENTENCE, "--alpha", "0"), "alpha must lie between"),
        (("serve", "--port", "99999"), "port: Input should be less than or equal to 65535"),
        (("serve", "--target", "/nowhere/model"), "neither a model folder nor"),
        (("calibrate", "demo", "--nonmembers", "x"), "There is a calibration demo already"),
        (("calibrate", "mine", "--nonmembers", str(tmp_path / "none.jsonl")), "No file"),
    ):
        done = memprobe(*arguments)
        assert done.returncode == 2 and words in done.stderr, done
        assert "Traceback" not in done.stderr and done.stdout == ""


def test_calibrate_then_probe_with_it(memprobe: Command, tmp_path: Path) -> None:
    texts = [
        f"Number {i}: the value of option {i * 7 % 101} is read from line {i * i} of the file." for i in range(700)
    ]
    path = tmp_path / "nonmembers.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    pair = ("--target", str(ASSETS / "sibling"), "--reference", str(ASSETS / "reference"))
    done = memprobe("calibrate", "mine", "--nonmembers", str(path), *pair)
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "600 known non-members and 0 members" in said and "0.1% takes 2,995" in said
    assert "mine" in memprobe("models").stdout
    other = "Number 9: the value of option 12 is read from another place, which is line 5555 of the file."
    judged = json.loads(memprobe("probe", other, "--json", "--calibration", "mine", *pair).stdout)
    assert judged["claim"]["nonmembers"] == 600 and judged["claim"]["k"] == 2
    assert judged["verdict"] in ("inconclusive", "out_of_distribution", "member")
    again = memprobe("calibrate", "mine", "--nonmembers", str(path), *pair)
    assert again.returncode == 2 and "--force" in again.stderr
    refused = memprobe("probe", other, "--calibration", "mine")
    assert refused.returncode == 2 and "made for another target" in refused.stderr


@pytest.mark.parametrize("command", [(), ("probe", "--help"), ("serve", "--help"), ("calibrate", "--help")])
def test_help(memprobe: Command, command: tuple[str, ...]) -> None:
    done = memprobe(*command)
    assert "Usage" in done.stdout + done.stderr


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_taken_port_is_named_with_the_remedy(memprobe: Command, command: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = memprobe(command, "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2 and "cannot be had" in done.stderr and "8001" in done.stderr


LOCAL = ("--target", str(ASSETS / "target"))


@pytest.mark.parametrize(
    ("options", "environment", "said"),
    [
        ((*LOCAL, "--device-map", "cuda:77"), {}, "cannot be loaded as a causal language model"),
        ((), {"MEMPROBE_VLLM_OPTIONS": "not JSON"}, "vllm_options"),
        (LOCAL, {"MEMPROBE_ENGINE": "vllm", "MEMPROBE_VLLM_OPTIONS": '{"dtype": "half"}'}, "dtype is set by memprobe"),
    ],
)
def test_what_cannot_be_set_is_one_line(
    memprobe: Command, options: tuple[str, ...], environment: dict[str, str], said: str
) -> None:
    done = memprobe("probe", SENTENCE, *options, **environment)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr, done.stderr
