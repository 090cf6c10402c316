"""schemathesis against a service that runs: every endpoint by its schema, alone and along the links between them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import probe
from probe.access.keys import KeyRing
from tests.system.conftest import free_port
from tests.system.scans.helper import begun, environment, ready, until

ROOT = Path(probe.__file__).parents[1]
PHASES = ("examples", "coverage", "fuzzing", "stateful")
CONFIG = Path(__file__).with_name("schemathesis.toml")
_TROUBLE = re.compile(r"Traceback|failed with|Exception in ASGI|Fatal error")  # in a log: what nobody foresaw


@dataclass(frozen=True)
class Attacked:
    """cases: requests sent. findings: a line each, none where all is well. told: what schemathesis said."""

    seed: int
    cases: int
    operations: int
    findings: list[str]
    told: str


@contextmanager
def attackable(home: Path, **settings: str) -> Iterator[str]:
    """Runs `memprobe serve` on the embedded pair until the block ends; gives its address. Its log: home / serve.log."""
    port = free_port()
    with begun(home / "serve.log", environment(home, **settings), "serve", "--port", str(port)):
        if not until(lambda: ready(port), 120):
            raise RuntimeError((home / "serve.log").read_text())
        yield f"http://127.0.0.1:{port}"


def attack(
    home: Path,
    seed: int,
    examples: int,
    seconds: int,
    phases: tuple[str, ...] = PHASES,
    *,
    keyed: bool,
    **settings: str,
) -> Attacked:
    """Starts a service, one with keys or without, and asks it whatever its schema allows and forbids.

    examples: per operation and kind.
    """
    home.mkdir(exist_ok=True)
    key = KeyRing(home / "keys.json").add("hostile", ["admin"], rate="1000000/second")[1] if keyed else ""
    with attackable(home, **settings) as base:
        done, report = _run(base, home, seed, examples, seconds, phases, key)
        findings = [f"{one['title']} ({one['code']}): {', '.join(one['operations'])}" for one in report["failures"]]
        findings += [f"error: {one}" for one in report["errors"]]
        if not until(lambda: ready(int(base.rpartition(":")[2])), 60):
            findings.append("the service is not ready behind it")
    findings += [f"the service's log: {line}" for line in troubles(home / "serve.log")]
    cases, tested = report["test_cases"]["generated"], report["operations"]
    if tested["tested"] != tested["total"]:
        findings.append(f"{tested['tested']} of {tested['total']} operations were tested")
    if done.returncode and not findings:
        findings.append(f"schemathesis ended with {done.returncode}")
    return Attacked(seed, cases, tested["tested"], findings, done.stdout)


def troubles(log: Path) -> list[str]:
    return [line for line in log.read_text(errors="replace").splitlines() if _TROUBLE.search(line)]


def _run(
    base: str, home: Path, seed: int, examples: int, seconds: int, phases: tuple[str, ...], key: str
) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    report = home / "report.json"
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", f"{base}/openapi.json",
        "--seed", str(seed), "--max-examples", str(examples), "--max-time", str(seconds), "--phases", ",".join(phases),
        *(["-H", f"Authorization: Bearer {key}"] if key else []), "--no-color",
        "--report", "json", "--report-json-path", str(report),
    ]  # fmt: skip
    own = environment(home, PYTHONPATH=str(ROOT), HOSTILE_SEED=str(seed))
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=own, cwd=home, timeout=seconds + 300
    )
    if not report.is_file():
        raise RuntimeError(f"schemathesis wrote no report:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done, json.loads(report.read_text())
