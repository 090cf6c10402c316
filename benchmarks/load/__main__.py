"""The service under load, all of it or what is named: make bench-service, or python -m benchmarks.load burst ...

What is shorter than it should be is printed, and not written to the log.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch

from benchmarks.load import burst, steady, worker
from benchmarks.measure import Row, line, write

SECONDS, ROUNDS = 300.0, 5
SECTIONS: dict[str, Callable[[float, int], list[Row]]] = {
    "steady": steady.rows, "burst": burst.rows, "worker": worker.rows,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], default=[])
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of the steady load")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args()
    found: list[Row] = []
    for name in asked.sections or SECTIONS:
        found += SECTIONS[name](asked.seconds, asked.rounds)
        print("\n".join(map(line, found)), flush=True)
    if not asked.sections and asked.seconds >= SECONDS and asked.rounds >= ROUNDS:
        write("load", found, threads=torch.get_num_threads(), torch=torch.__version__)


if __name__ == "__main__":
    main()
