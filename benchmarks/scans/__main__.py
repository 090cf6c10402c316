"""All measurements of batch scans, or those named: make bench-scans, or python -m benchmarks.scans overhead ..."""

from __future__ import annotations

from benchmarks.scans import kills, memory, overhead
from benchmarks.sections import Section, run

SECTIONS: dict[str, Section] = {
    "overhead": (overhead.rows, True),
    "kills": (kills.rows, False),
    "memory": (memory.rows, False),
}

if __name__ == "__main__":
    run(__doc__, SECTIONS, of="scans_")
