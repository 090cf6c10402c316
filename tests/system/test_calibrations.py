"""memprobe calibrations: written to a file, stored under another name, deleted."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_a_calibration_is_carried_in_a_file(memprobe: Run, tmp_path: Path) -> None:
    path = tmp_path / "carried.npz"
    assert memprobe("calibrations", "export", "demo-records", "--out", str(path)).returncode == 0
    refused = memprobe("calibrations", "export", "demo-records", "--out", str(path))
    assert refused.returncode == 2 and "exists; name a new file" in refused.stderr
    done = memprobe("calibrations", "import", str(path), "--name", "carried")
    assert done.returncode == 0 and "Stored as carried: With 3,000 known non-members" in done.stdout
    assert "carried" in memprobe("calibrations", "list").stdout
    again = memprobe("calibrations", "import", str(path), "--name", "carried")
    assert again.returncode == 2 and "There is a calibration carried already" in again.stderr
    assert memprobe("calibrations", "delete", "carried").returncode == 0
    assert memprobe("calibrations", "delete", "carried").returncode == 2
    assert memprobe("calibrations", "delete", "demo").returncode == 2


def test_what_is_no_calibration_is_refused(memprobe: Run, tmp_path: Path) -> None:
    (tmp_path / "other.npz").write_bytes(b"no calibration")
    done = memprobe("calibrations", "import", str(tmp_path / "other.npz"), "--name", "other")
    assert done.returncode == 2 and "is no calibration of this version" in done.stderr
