"""Scores of one's own: the guide's example, installed; and plug-ins that cannot be used."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, cast

import pytest

from probe.scores.base import Method
from probe.scores.table import BUILT_IN, GROUP, table
from tests.scores.test_scores import L, evidence, stats

GUIDE = (Path(__file__).parents[2] / "docs" / "guide.md").read_text()
SHORT, SPACED, FAILS, COLUMN = (
    Method(name, lambda view: 1.0, ("logprob",), "a test") for name in ("loss", "two words", "fails", "label")
)
NEEDY = Method("needy", lambda view: 1.0, cast(Any, ("everything",)), "a test")


def block(language: str) -> str:
    section = GUIDE.split("## A score of your own")[1].split("\n## ")[0]
    (found,) = re.findall(rf"```{language}\n(.*?)```", section, flags=re.DOTALL)
    return str(found)


def test_the_guides_example_is_a_score_everywhere(tmp_path: Path) -> None:
    """Laid out as pip would install it."""
    points = block("toml").split('[project.entry-points."memprobe.scores"]')[1].strip()
    (tmp_path / "my_scores.py").write_text(block("python"))
    info = tmp_path / "my_scores-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-scores\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[memprobe.scores]\n" + points.replace('"', "") + "\n")
    program = (
        "from probe import open_probe\n"
        "result, = open_probe()('The iterator yields each key once, and then it stops.')\n"
        "print(result.scores['hits'].value, result.verdict.call)\n"
        "from probe.scores.table import origins\n"
        "print(origins())\n"
    )
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    environment = os.environ | {"PYTHONPATH": path, "MEMPROBE_HOME": str(tmp_path / "home")}
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=120, check=True
    )
    first, plugins = found.stdout.splitlines()
    value, call = first.split()
    assert plugins == "{'hits': 'my-scores 1'}"
    assert 0 < float(value) < 1 and call in ("member", "not_member", "inconclusive")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("tests.scores.test_plugins:SHORT", "there is a score named loss already"),
        ("tests.scores.test_plugins:SPACED", "'two words' is no name"),
        ("tests.scores.test_plugins:GUIDE", "it names a str, not a probe.scores.base.Method"),
        ("tests.scores.test_plugins:COLUMN", "there is a score named label already"),
        ("tests.scores.test_plugins:NEEDY", "it needs everything; known are"),
        ("no_such_module_anywhere:SCORE", "ModuleNotFoundError"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_left_out_aloud(
    value: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = table([EntryPoint("mine", value, GROUP)])
    assert list(found) == [method.id for method in BUILT_IN] and found["loss"] is BUILT_IN[0]
    assert reason in caplog.text and "Mend or uninstall it" in caplog.text


def test_one_that_can_stands_behind_our_own() -> None:
    found = table([EntryPoint("mine", "tests.scores.test_plugins:FAILS", GROUP)])
    assert list(found)[-1] == "fails"


@pytest.mark.parametrize("value", [None, "high", 10**400, [1.0, 2.0]])
def test_one_that_returns_no_figure_costs_only_itself(value: Any) -> None:
    found = Method("mine", lambda view: cast(float, value), ("logprob",), "a test")(evidence(stats(L)))
    assert found.value is None and "failed with" in str(found.reason)
