"""The placebo: a third model that saw neither group must not tell them apart by the same score."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from probe import Known, calibrate
from probe.audit.metrics import Figure, auc
from probe.calibration.examine import examine, placebo_gate
from probe.calibration.fit import table
from probe.calibration.known import Groups
from probe.calibration.learn_tokens import for_another
from probe.demo.locate import find, marks
from probe.errors import CalibrationError
from probe.measure import measure
from probe.models.local import LocalEngine
from probe.pipeline import Probe
from probe.prepare import prepare
from probe.prepared import Options
from probe.scores.fitted import Fitted
from probe.scores.view import View
from probe.types import Text
from tests.tiny import ASSETS


@pytest.mark.parametrize(
    ("low", "value", "high", "gate"),
    [
        (0.44, 0.50, 0.56, "pass"),
        (0.43, 0.50, 0.57, "pass"),
        (0.51, 0.54, 0.57, "pass"),  # told apart for certain, but too little to matter
        (0.42, 0.50, 0.56, "untestable"),
        (0.40, 0.50, 0.60, "untestable"),
        (0.52, 0.56, 0.60, "fail"),
        (0.30, 0.36, 0.42, "fail"),
    ],
)
def test_the_band(low: float, value: float, high: float, gate: str) -> None:
    assert placebo_gate(Figure(value, low, high))[0] == gate


@pytest.fixture(scope="module")
def known() -> Known:
    found: dict[str, list[str]] = {"member": [], "nonmember": []}
    for entry, text in find(marks()[::3]).items():
        if entry.role in found and entry.split == "test":
            found[entry.role].append(text)
    return Known(found["nonmember"], members=found["member"], basis="split")


def test_the_sibling_is_a_placebo_and_another_target_would_not_pass(demo: Probe, known: Known) -> None:
    sibling = LocalEngine.open(str(ASSETS / "sibling"))
    found = calibrate(Probe(demo.target, demo.reference), known, "tested", placebo=sibling)
    assert found.gates["blind"] in ("pass", "untestable") and found.gates["placebo"] in ("pass", "untestable")
    assert "a model that saw none of the texts tells them apart with AUC 0." in found.findings["placebo"]
    # the target in the placebo's place: it saw the members
    swapped = calibrate(Probe(sibling, demo.reference), known, "swapped", placebo=demo.target)
    assert swapped.gates["placebo"] == "fail"
    text = (
        "Nothing of this sentence is known to any of these models, and yet it is as long as those that calibrate them."
    )
    (judged,) = Probe(sibling, demo.reference, swapped)(text)
    assert (
        judged.verdict and judged.verdict.evidence == "D" and judged.verdict.call.value not in ("member", "not_member")
    )
    assert judged.verdict.gates["placebo"] == "fail"


def test_the_placebo_is_held_against_its_own_usual_gains(demo: Probe) -> None:
    """Those of the target know the words of its members, and would make them score lower than non-members."""
    calibration, sibling = demo.calibration, LocalEngine.open(str(ASSETS / "sibling"))
    assert calibration and calibration.fitted.tokens
    tuning, others, members = (
        [Text(text) for text in find([one for one in marks() if (one.role, one.split) == of][:150]).values()]
        for of in (("nonmember", "tuning"), ("nonmember", "calibration"), ("member", "calibration"))
    )
    groups = Groups(tuning, others, [], members, ())
    setup = replace(demo.setup, target=sibling)
    plain = Options(scores=frozenset())
    taught, *judged = measure(setup, [prepare(setup, texts, plain) for texts in (tuning, members, others)])
    views = [View(entry, calibration.fitted) for entry in taught]
    own = replace(calibration.fitted, tokens=for_another(calibration.fitted.tokens, views))

    def area(fitted: Fitted) -> str:
        rows = [table(group, calibration.score, fitted) for group in judged]
        return f"AUC {auc(*(calibration.residual(*row.T[:3]) for row in rows)):.3f}"

    found = examine(Probe(demo.target, demo.reference), calibration, groups, np.zeros(len(others)), sibling)
    assert area(own) in found.findings["placebo"] and area(calibration.fitted) not in found.findings["placebo"]


def test_target_and_reference_are_no_placebos(demo: Probe, known: Known) -> None:
    for engine in (demo.target, demo.reference):
        with pytest.raises(CalibrationError, match="target or the reference itself"):
            calibrate(Probe(demo.target, demo.reference), known, "none", placebo=engine)


def test_the_reference_under_another_name_is_no_placebo(demo: Probe, known: Known, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(ASSETS / "reference", tmp_path / "copy"))
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"called": "another"}))
    with pytest.raises(CalibrationError, match="gives every token the reference's likelihood; name a third model"):
        calibrate(Probe(demo.target, demo.reference), known, "copied", placebo=LocalEngine.open(str(copy)))
