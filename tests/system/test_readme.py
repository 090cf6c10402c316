"""What the README shows is true: its Python runs, its commands run, its HTTP example is answered."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.system.conftest import Running

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands() -> list[list[str]]:
    joined = "\n".join(blocks("console")).replace("\\\n", " ")
    return [shlex.split(line[2:]) for line in joined.splitlines() if line.startswith("$ ")]


def test_python(capsys: pytest.CaptureFixture[str]) -> None:
    examples = blocks("python")
    assert examples and "from probe import" in examples[0]
    for example in examples:
        exec(compile(example, "README.md", "exec"), {})
    assert "p =" in capsys.readouterr().out


def test_every_make_target_exists() -> None:
    named = set(re.findall(r"`make ([a-z-]+)", README)) | {c[1] for c in commands() if c[0] == "make"}
    assert {"demo", "test"} <= named
    for target in named:
        assert re.search(rf"^{target}:", MAKEFILE, flags=re.MULTILINE), target


def test_memprobe_commands(memprobe: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    shown = [command for command in commands() if command[0] == "memprobe" and command[1] == "probe"]
    assert shown
    for command in shown:
        done = memprobe(*command[1:])
        assert done.returncode == 0, (command, done.stderr)


def test_the_http_example(service: Running) -> None:
    (call,) = [command for command in commands() if command[0] == "curl"]
    address = next(part for part in call if part.startswith(("localhost", "http")))
    path = address.split("8000", 1)[1]
    headers = dict([call[call.index("-H") + 1].split(": ")])
    with urlopen(Request(service.base + path, call[call.index("-d") + 1].encode(), headers), timeout=30) as response:
        answer = json.load(response)
    (result,) = answer["results"]
    for field in ("verdict", "p_value", "evidence", "reason"):
        assert result[field] is not None, field
    assert answer["fingerprint"]["target"].startswith("sha256:")
    (shown,) = blocks("json")
    expected = json.loads(shown)
    example = expected["results"][0]
    assert set(example) == set(result)
    for field in ("verdict", "reason", "gates", "evidence"):
        assert example[field] == result[field], field
    for field in ("p_value", "p_member", "perplexity", "perplexity_ratio"):
        assert example[field] == pytest.approx(result[field], rel=0.01), field
    assert expected["usage"] == answer["usage"]


def test_the_figures_are_those_of_the_build() -> None:
    figures = json.loads((ROOT / "probe" / "demo" / "assets" / "build.json").read_text())["figures"]
    shown = re.findall(r"^\| (.+?) \| (\S.*?) \|$", README, flags=re.MULTILINE)
    listed = {name: value for name, value in shown if name in figures}
    assert len(listed) >= 6
    assert listed == {name: figures[name] for name in listed}
