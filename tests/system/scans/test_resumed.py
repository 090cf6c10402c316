"""The same command once more: with options, beside itself, and on what looks like another machine."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.system.scans.helper import (
    Line,
    Watch,
    assert_each_row_once,
    assert_same_results,
    begun,
    environment,
    numbered,
    results,
    scan,
    until,
    write_jsonl,
)


def test_a_scan_that_is_over_can_be_asked_for_again_but_not_with_other_options(tmp_path: Path) -> None:
    source, out = write_jsonl(tmp_path / "few.jsonl", numbered(3)), tmp_path / "out"
    chosen = "--scores", "loss,zlib"
    assert scan(source, out, tmp_path, *chosen, seconds=60).returncode == 0
    before = (out / "output.jsonl").read_bytes()
    done = scan(source, out, tmp_path, *chosen, "--alpha", "0.05", seconds=60)
    assert done.returncode == 2 and "name another folder" in " ".join(done.stderr.split())
    done = scan(source, out, tmp_path, *chosen, seconds=60)
    assert done.returncode == 0, done.stderr
    assert (out / "output.jsonl").read_bytes() == before


def test_the_same_command_twice_at_once_loses_nothing(texts: Path, undisturbed: list[Line], tmp_path: Path) -> None:
    out, rows = tmp_path / "out", len(undisturbed)
    watch = Watch.of_file(out / "scan.sqlite")
    command = "scan", str(texts), "--out", str(out)
    with begun(tmp_path / "first.log", environment(tmp_path), *command) as first:
        assert until(lambda: watch.look().status is not None or first.poll() is not None)
        with begun(tmp_path / "second.log", environment(tmp_path), *command) as second:
            assert until(lambda: first.poll() is not None and second.poll() is not None)
    said = [(tmp_path / f"{name}.log").read_text() for name in ("first", "second")]
    assert "Traceback" not in said[0] + said[1], said
    assert first.returncode == 0 or second.returncode == 0, said
    output, errors = results(out)
    assert_each_row_once(output, errors, rows)
    assert_same_results(output, undisturbed)


def test_a_scan_that_died_on_another_machine_goes_on_here(texts: Path, undisturbed: list[Line], tmp_path: Path) -> None:
    """A namespace of process ids of its own stands for the other machine: nobody can see that its worker is gone."""
    elsewhere = "unshare", "--pid", "--fork", "--kill-child", "--mount-proc"
    if not shutil.which("unshare") or subprocess.run([*elsewhere, "true"], capture_output=True, check=False).returncode:
        pytest.skip("process ids cannot be unshared here")
    out, rows = tmp_path / "out", len(undisturbed)
    watch = Watch.of_file(out / "scan.sqlite")
    command = "scan", str(texts), "--out", str(out)
    with begun(tmp_path / "log", environment(tmp_path), *command, through=elsewhere) as process:
        assert until(lambda: watch.look().done > 0 or process.poll() is not None)
        assert process.poll() is None, (tmp_path / "log").read_text()
    done = scan(texts, out, tmp_path)
    assert done.returncode == 0, done.stderr
    output, errors = results(out)
    assert_each_row_once(output, errors, rows)
    assert_same_results(output, undisturbed)
