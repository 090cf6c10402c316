"""A real service that reports on groups only: killed and started again, it has forgotten nothing."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.system.conftest import Running, started

WORDS = "the value must be given before a call returns and no handler of this queue reads more than one line".split()
TERMS = {"MEMPROBE_COHORT": "12", "MEMPROBE_EPSILON": "0.5", "MEMPROBE_BUDGET": "1", "MEMPROBE_CLIP": "[1, 7]"}


def passages(seed: int) -> list[str]:
    dice = random.Random(seed)
    return [" ".join(dice.choices(WORDS, k=18)) for _ in range(12)]


def post(running: Running, path: str, texts: list[str]) -> tuple[int, dict[str, Any]]:
    body = json.dumps({"model": "demo", "input": texts}).encode()
    try:
        with urlopen(Request(running.base + path, body, {"content-type": "application/json"}), timeout=60) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)["error"]


def test_a_kill_gives_no_second_answer(tmp_path: Path) -> None:
    with started(tmp_path, "--reporting", "aggregate", **TERMS) as running:
        status, first = post(running, "/v1/aggregates", passages(0))
        assert status == 200 and first["epsilon"] == {"spent": 0.5, "left": 0.5}
        assert first["statistics"]["loss"]["clip"] == [1, 7]
        running.process.kill()
        running.process.wait(30)
    with started(tmp_path, MEMPROBE_REPORTING="aggregate", **TERMS) as running:
        assert post(running, "/v1/aggregates", passages(0)) == (200, first)
        assert post(running, "/v1/aggregates", [*passages(1), passages(0)[0]])[0] == 409
        assert post(running, "/v1/aggregates", passages(1))[0] == 200
        status, error = post(running, "/v1/aggregates", passages(2))
        assert (status, error["code"]) == (403, "budget_spent")
        status, error = post(running, "/v1/probe", passages(0))
        assert (status, error["code"]) == (403, "groups_only")


def test_settings_that_allow_no_report_end_it_at_once(
    memprobe: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = memprobe("serve", "--reporting", "aggregate", "--port", "0", MEMPROBE_COHORT="1000")
    assert done.returncode == 2 and "raise MEMPROBE_MAX_TEXTS or lower MEMPROBE_COHORT" in done.stderr
    done = memprobe("serve", "--reporting", "groups", "--port", "0")
    assert done.returncode == 2 and "reporting" in done.stderr
