"""Probes with calibrations that callers name: the one that has the name now, and few at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from probe.calibrated import MOST, Calibrated
from probe.calibration.store import save
from probe.config import Settings
from probe.pipeline import Probe
from probe.scans.opening import Probes


def test_a_worker_takes_what_has_the_name_now(demo: Probe, tmp_path: Path) -> None:
    """Another one may be of the same second, as one that is imported is of any."""
    settings = Settings(home=tmp_path)
    calibration = demo.calibration
    assert calibration is not None
    probes = Probes(Probe.of(demo.setup, calibration), "demo", settings)
    save(mine := replace(calibration, name="mine"), settings.calibrations)
    before = probes("demo", "mine", "default")
    assert probes("demo", "mine", "default") is before
    save(replace(mine, nonmembers=mine.nonmembers - 50), settings.calibrations)
    after = probes("demo", "mine", "default").calibration
    assert before.calibration and after and after.created == before.calibration.created
    assert (after.nonmembers == before.calibration.nonmembers - 50).all()


def test_those_used_longest_ago_are_let_go(demo: Probe) -> None:
    held = Calibrated()
    calibration = demo.calibration
    assert calibration is not None
    for number in range(MOST):
        held.keep(("demo", f"c{number}", "a"), demo)
    assert held.find(("demo", "c0", "a"), calibration) is demo
    held.keep(("demo", "new", "a"), demo)
    assert [name for _, name, _ in held] == [*(f"c{number}" for number in range(2, MOST)), "c0", "new"]
    held.forget("c0", "b")
    held.forget("new", "a")
    assert [name for _, name, _ in held][-1] == "c0"
