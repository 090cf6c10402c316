"""What a run of pip-audit comes to: advisories fail, and nobody asked is said, not taken for an all-clear."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from checks.advisories import judged

ROOT = Path(__file__).parents[2]
GOOD = {"name": "good", "version": "1.0", "vulns": []}
UNKNOWN = {"name": "unknown", "skip_reason": "Dependency not found on PyPI and could not be audited: unknown (1.0)"}
BAD = {
    "name": "bad", "version": "1.0",
    "vulns": [
        {"id": "PYSEC-1", "fix_versions": ["1.1", "2.0"], "aliases": [], "description": ""},
        {"id": "GHSA-2", "fix_versions": [], "aliases": [], "description": ""},
    ],
}  # fmt: skip
AWAY = """Traceback (most recent call last):
requests.exceptions.ConnectionError: HTTPSConnectionPool(host='api.osv.dev', port=443): Max retries exceeded
"""


def output(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


def test_advisories_fail_and_say_what_mends_them() -> None:
    audit = judged(output(GOOD, BAD), "Found 2 known vulnerabilities in 1 package")
    assert audit.failed
    assert audit.said == [
        "bad 1.0: PYSEC-1; mended in 1.1, 2.0", "bad 1.0: GHSA-2; mended in nothing yet",
        "2 packages audited, 2 advisories.",
    ]  # fmt: skip


def test_none_passes_and_says_what_was_left_out() -> None:
    audit = judged(output(GOOD, UNKNOWN), "No known vulnerabilities found")
    assert not audit.failed and audit.said == ["1 packages audited, 0 advisories; 1 are not known there."]


def test_nobody_asked_is_no_all_clear() -> None:
    for found in (judged(output(UNKNOWN, UNKNOWN), "No known vulnerabilities found"), judged("", AWAY)):
        assert not found.failed and found.said[-1].endswith("nothing was audited.")


def test_a_fault_of_the_tool_fails() -> None:
    audit = judged("", "pip-audit: error: unrecognized arguments: --none")
    assert audit.failed and "unrecognized" in audit.said[-1]


def test_without_the_tool_it_says_so_and_passes() -> None:
    command = [sys.executable, "-m", "checks.advisories", "/nowhere/pip-audit"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "nothing was audited" in done.stdout


def test_what_the_program_says_decides_the_exit(tmp_path: Path) -> None:
    """In its place stands one that says what it says where it finds something."""
    program = tmp_path / "pip-audit"
    program.write_text(f"#!/bin/sh\necho '{output(GOOD, BAD)}'\nexit 1\n")
    program.chmod(0o755)
    command = [sys.executable, "-m", "checks.advisories", str(program)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "bad 1.0: PYSEC-1" in done.stdout
