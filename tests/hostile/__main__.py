"""make test-hostile: schemathesis against a running service, and many inputs to everything that reads what strangers
send. It says how many there were and by which seed, and fails where anything was found.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.hostile.api import attack
from tests.hostile.fuzz import fuzz
from tests.hostile.spoken import TARGETS

CASES, INPUTS, SECONDS = 5_000, 100_000, 300
EXAMPLES = 1000  # of an operation; what ends it is the time
PATIENCE = 3600.0  # seconds for one target


def api(seed: int, seconds: int, cases: int, folder: Path) -> list[str]:
    """Returns what was found, in a service with keys that tells of texts, and in one that reports on groups only."""
    findings: list[str] = []
    count = 0
    for mode, share in (("texts", 0.85), ("aggregate", 0.15)):
        began = time.monotonic()
        found = attack(
            folder / mode, seed, EXAMPLES, int(seconds * share), keyed=mode == "texts", MEMPROBE_REPORTING=mode
        )
        seconds_taken = time.monotonic() - began
        _say(f"api, {mode}: {found.cases:,} cases, {found.operations} operations, {seconds_taken:.0f} s")
        findings += [*found.findings, found.told] if found.findings else []
        count += found.cases
    return [*findings, f"{count:,} cases of {cases:,}: give it more --seconds"] if count < cases else findings


def inputs(seed: int, count: int, names: list[str], folder: Path) -> list[str]:
    """Returns what was found. Two targets at a time, each in a process of its own."""
    shares = sum(TARGETS[name].share for name in names)

    def one(name: str) -> list[str]:
        asked, began = -(-count * TARGETS[name].share // shares), time.monotonic()
        found = fuzz(name, asked, seed, folder / name, PATIENCE)
        _say(f"{name}: {found.ran:,} inputs, {time.monotonic() - began:.0f} s")
        return found.findings or ([] if found.ran >= asked else [f"{name}: {found.ran:,} inputs of {asked:,}"])

    with ThreadPoolExecutor(2) as pool:
        return [finding for findings in pool.map(one, names) for finding in findings]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=["api", *TARGETS, []], default=[], help="all, where none is named")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 31))
    parser.add_argument("--cases", type=int, default=CASES, help="of the API at least")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="for the API")
    parser.add_argument("--inputs", type=int, default=INPUTS, help="of all readers together")
    asked = parser.parse_args()
    parts = asked.parts or ["api", *TARGETS]
    readers = [name for name in parts if name != "api"]
    findings: list[str] = []
    _say(f"seed {asked.seed}")
    with tempfile.TemporaryDirectory() as name:
        steps: list[Callable[[], list[str]]] = []
        if "api" in parts:
            steps.append(lambda: api(asked.seed, asked.seconds, asked.cases, Path(name)))
        if readers:
            steps.append(lambda: inputs(asked.seed, asked.inputs, readers, Path(name)))
        for step in steps:
            findings += step()
    _say("\n\n".join([*findings, f"{len(findings)} findings, seed {asked.seed}"]))
    sys.exit(bool(findings))


def _say(what: str) -> None:
    sys.stdout.write(what + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
