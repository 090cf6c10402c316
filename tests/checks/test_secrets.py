"""The scan for secrets: it finds planted ones of every kind, and this repository holds none."""

from __future__ import annotations

import random
import string
import subprocess
import sys
from pathlib import Path

import pytest

from checks.secrets import ALLOWED, KINDS, found, scan

ROOT = Path(__file__).parents[2]
DICE = random.Random(7)


def some(count: int, letters: str = string.ascii_letters + string.digits) -> str:
    """Made here, so that no key stands in this file."""
    return "".join(DICE.choices(letters, k=count))


PLANTED = {
    "memprobe key": "mp-" + some(8, "0123456789abcdef") + "-" + some(43),
    "private key": "-----BEGIN " + "OPENSSH PRIVATE KEY-----",
    "AWS key": "AKIA" + some(16, string.ascii_uppercase + string.digits),
    "GitHub token": "ghp" + "_" + some(36),
    "GitLab token": "glpat" + "-" + some(20),
    "Hugging Face token": "hf" + "_" + some(34, string.ascii_letters),
    "OpenAI key": "sk" + "-proj-" + some(40),
    "PyPI token": "pypi-" + "AgE" + some(60),
    "Slack token": "xoxb" + "-" + some(30),
    "Google key": "AIza" + some(35),
    "web token": f"eyJ{some(20)}.eyJ{some(30)}.{some(30)}",
    "assigned secret": 'api_key = "' + some(30) + '"',
    "password in an address": "postgresql://me:" + some(20) + "@host/db",
}


def test_every_kind_is_planted() -> None:
    assert PLANTED.keys() - KINDS.keys() == {"assigned secret", "password in an address"}
    assert KINDS.keys() < PLANTED.keys()


@pytest.mark.parametrize("kind", list(PLANTED))
def test_each_is_found_by_line(kind: str) -> None:
    assert (2, kind) in list(found(f"first\nx = {PLANTED[kind]}\nlast"))
    assert list(found(f"x = {PLANTED[kind]}  # {ALLOWED}")) == []


@pytest.mark.parametrize(
    "line",
    [
        'password = "PASSWORD"', "token: ${TOKEN_OF_THE_SERVICE_1}", "postgresql://memprobe:PASSWORD@postgres/memprobe",
        'key = "sha256:0123456789abcdef0123456789abcdef"', 'secret = os.environ["A_LONG_NAME_OF_A_SECRET_1"]',
        'api_key="none"', "sk-learn is a library, and hf_models a folder", "postgresql://me:secret@host/db",
    ],
)  # fmt: skip
def test_words_and_placeholders_are_none(line: str) -> None:
    assert list(found(line)) == []


def test_a_repository_with_a_planted_key_fails_and_the_key_is_not_told(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    (tmp_path / ".gitignore").write_text("ignored.txt\n")
    for name in ("committed.py", "new file.py", "ignored.txt"):
        (tmp_path / name).write_text(f"\nTOKEN = '{PLANTED['GitHub token']}'\n")
    (tmp_path / "link").symlink_to("nowhere")
    git("add", "committed.py", "link")
    done = subprocess.run(
        [sys.executable, "-m", "checks.secrets"], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin:/usr/local/bin"},
    )  # fmt: skip
    assert done.returncode == 1 and "GitHub token" in done.stdout, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()[:-1]] == [
        "committed.py",
        "committed.py",
        "new file.py",
        "new file.py",
    ]  # fmt: skip - each by its form, and as something assigned
    assert PLANTED["GitHub token"] not in done.stdout


def test_this_repository_holds_none() -> None:
    assert scan(ROOT) == []
