"""python -m benchmarks.mutations: makes each fault in a copy of the project and runs the tests that ought to notice it.

The faults are the sign of every score, turned, and those of mutants.toml. Prints the first test that failed for each;
exits with 1 where one went unnoticed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("probe", "server", "tests", "docs", "benchmarks", "pyproject.toml", "README.md", "CHANGELOG.md")
_METHOD = re.compile(r'Method\(\s*"(\w+)",\s*(\w+)')
_TURN = """

def turned(function):
    def of(view):
        found = function(view)
        return found if found.__class__.__name__ == "Unscored" else -found
    return of

"""


@dataclass(frozen=True, slots=True)
class Mutant:
    """find: a piece of `file` that stands there once; put: what stands there instead; tests: a path for pytest."""

    what: str
    file: str
    find: str
    put: str
    tests: str


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="those whose name holds this")
    parser.add_argument("--at-once", type=int, default=2)
    arguments = parser.parse_args()
    chosen = [mutant for mutant in (*signs(), *written()) if arguments.only in mutant.what]
    for mutant in chosen:  # one that cannot be made is told before any runs
        _changed((ROOT / mutant.file).read_text(), mutant)
    unnoticed = 0
    print("| mutation | first test that failed |\n|---|---|")
    with ThreadPoolExecutor(arguments.at_once) as threads:
        for mutant, noticed in zip(chosen, threads.map(run, chosen), strict=True):
            unnoticed += noticed is None
            print(f"| {mutant.what} | {noticed or '**none**'} |", flush=True)
    print(f"\n{len(chosen) - unnoticed} of {len(chosen)} were noticed.")
    return int(unnoticed > 0)


def signs() -> Iterator[Mutant]:
    """Yields a fault for every score of the table: members are ranked last."""
    for file in sorted((ROOT / "probe" / "scores").glob("*.py")):
        for found in _METHOD.finditer(file.read_text()):
            put = found[0][: -len(found[2])] + f"turned({found[2]})"
            yield Mutant(f"sign of {found[1]}", str(file.relative_to(ROOT)), found[0], put, "tests/scores")


def written() -> list[Mutant]:
    return [Mutant(**one) for one in tomllib.loads((Path(__file__).parent / "mutants.toml").read_text())["mutant"]]


def run(mutant: Mutant) -> str | None:
    """Returns the first test that failed, None where all passed. Raises ValueError where the fault cannot be made."""
    with TemporaryDirectory() as place:
        for name in COPIED:
            source, copy = ROOT / name, Path(place, name)
            (shutil.copytree if source.is_dir() else shutil.copy)(source, copy)
        file = Path(place, mutant.file)
        file.write_text(_changed(file.read_text(), mutant))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutant.tests.split()],
            cwd=place, env=os.environ | {"PYTHONPATH": place, "OMP_NUM_THREADS": "1"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode == 0:
        return None
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    if done.returncode != 1 or failed is None:
        raise ValueError(f"{mutant.what}: pytest did not run (exit {done.returncode}):\n{done.stdout[-2000:]}")
    return failed[1]


def _changed(text: str, mutant: Mutant) -> str:
    if text.count(mutant.find) != 1:
        raise ValueError(f"{mutant.what}: {mutant.file} holds {text.count(mutant.find)} times: {mutant.find}")
    text = text.replace(mutant.find, mutant.put)
    if "turned(" not in mutant.put:
        return text
    return text.replace("\nfrom probe", _TURN + "from probe", 1)


if __name__ == "__main__":
    sys.exit(main())
