"""Advisories on the pinned dependencies, by pip-audit: python -m checks.advisories PIP_AUDIT.

Where nobody can be asked it says so and passes: a machine without a network must be able to run CI. An index that knows
none of the packages gives no advisory either; pip-audit calls that no vulnerability, and here it is nobody asked.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PINS = "constraints.txt"
_PATIENCE = 300  # seconds
_AWAY = ("ConnectionError", "ConnectTimeout", "ReadTimeout", "Could not connect", "NameResolutionError", "ProxyError")


@dataclass(frozen=True, slots=True)
class Audit:
    """failed: there are advisories, or pip-audit itself is at fault."""

    failed: bool
    said: list[str]


def judged(output: str, errors: str) -> Audit:
    """Returns what a run of pip-audit came to; output: its JSON, errors: its stderr."""
    try:
        packages: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        if any(word in errors for word in _AWAY):
            return Audit(False, ["The advisory database could not be reached: nothing was audited."])
        return Audit(True, ["pip-audit failed:", *errors.splitlines()[-5:]])
    asked = [one for one in packages if "skip_reason" not in one]
    if not asked:
        return Audit(False, ["The advisory database knows none of the packages here: nothing was audited."])
    said = [_told(one, advisory) for one in asked for advisory in one["vulns"]]
    left = len(packages) - len(asked)
    unknown = f"; {left} are not known there" if left else ""
    return Audit(bool(said), [*said, f"{len(asked)} packages audited, {len(said)} advisories{unknown}."])


def _told(package: dict[str, Any], advisory: dict[str, Any]) -> str:
    mended = ", ".join(advisory["fix_versions"]) or "nothing yet"
    return f"{package['name']} {package['version']}: {advisory['id']}; mended in {mended}"


def main() -> None:
    """Exits with 1 where there are advisories."""
    program = sys.argv[1]
    if not Path(program).exists():
        print("pip-audit could not be installed: nothing was audited.")
        return
    command = [program, "-r", PINS, "--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        print(f"The advisory database did not answer within {_PATIENCE} seconds: nothing was audited.")
        return
    audit = judged(done.stdout, done.stderr)
    print("\n".join(audit.said))
    sys.exit(int(audit.failed))


if __name__ == "__main__":
    main()
