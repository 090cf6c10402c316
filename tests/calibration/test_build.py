"""From known texts to a calibration: what is refused, what is left out and said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from probe import Known, calibrate
from probe.data.overlap import index
from probe.demo.locate import find, marks
from probe.errors import CalibrationError
from probe.pipeline import Probe

TEXTS = [f"The value number {i} of the table is kept in row {i * i} until the file is closed." for i in range(60)]


@pytest.fixture(scope="module")
def bare(demo: Probe) -> Probe:
    return Probe(demo.target, demo.reference)


def test_too_few_texts_say_how_many_it_takes(bare: Probe) -> None:
    with pytest.raises(CalibrationError, match="19 of 19 known non-members can be scored; bring at least 20"):
        calibrate(bare, Known(TEXTS[:19]), "few")


def test_where_none_is_left_the_notes_say_why(bare: Probe) -> None:
    with pytest.raises(CalibrationError, match=r"No known non-member is left to calibrate on \(none were given\)"):
        calibrate(bare, Known([]), "none")
    learned = Probe.of(replace(bare.setup, learned=index(TEXTS)))
    with pytest.raises(CalibrationError, match=r"No known non-member is left .* what the reference was adapted to"):
        calibrate(learned, Known(TEXTS), "learned")


def test_a_text_in_two_groups_is_refused(bare: Probe) -> None:
    with pytest.raises(CalibrationError, match="2 texts are among the non-members and the members"):
        calibrate(
            bare, Known(TEXTS[:30], members=[TEXTS[0] + " ", TEXTS[1], "Another text that is long enough."]), "both"
        )


def test_what_is_left_out_is_said(bare: Probe) -> None:
    found = calibrate(bare, Known([*TEXTS[:30], TEXTS[0], "", ""]), "noted")
    assert len(found.nonmembers) == 30
    assert found.notes == ("2 repeated texts were left out", "1 known texts could not be scored and were left out")


def test_its_own_texts_would_pass_as_nonmembers(bare: Probe) -> None:
    found = calibrate(bare, Known(TEXTS), "own", seed=3)
    again = calibrate(bare, Known(TEXTS[::-1]), "own", seed=3)
    assert found.score == "ref" and len(found.sentinels) == 32
    assert list(found.nonmembers) == sorted(found.nonmembers)
    assert found.nonmembers == pytest.approx(again.nonmembers, abs=1e-4)
    judged = Probe(bare.target, bare.reference, found)(TEXTS[:5])
    assert all(result.verdict and result.verdict.gates["overlap"] == "fail" for result in judged)


def test_exchanged_files_are_noticed(bare: Probe) -> None:
    """Else a score that is learned from them would call strangers members."""
    wanted = [one for one in marks() if one.split == "test"]
    found = find([one for role in ("member", "nonmember") for one in [m for m in wanted if m.role == role][:60]])
    members, others = ([text for one, text in found.items() if one.role == role] for role in ("member", "nonmember"))
    with pytest.raises(CalibrationError, match=r"finds the known non-members likelier .* the files look exchanged"):
        calibrate(bare, Known(members, members=others), "exchanged")
    assert calibrate(bare, Known(others, members=members), "right").found.size


def test_a_member_of_an_untested_kind_is_no_proof(bare: Probe) -> None:
    found = calibrate(bare, Known(TEXTS), "alone")
    planted = [text for one, text in find([m for m in marks() if m.role == "planted" and m.times == 32]).items()]
    judged = [one.verdict for one in Probe(bare.target, bare.reference, found)(planted, alpha=0.1)]
    said = [one.reason for one in judged if one and one.call == "member"]
    assert all(reason.endswith("was not tested: no proof.") for reason in said)
    assert all(one.evidence == "D" for one in judged if one)
