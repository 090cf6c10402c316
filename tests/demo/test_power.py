"""The embedded pair's power, and its restraint: the bars that the README states, on texts found in this interpreter."""

from __future__ import annotations

import json
import random
from functools import cache

import pytest

from probe import Call, Known, Result, calibrate, open_probe
from probe.audit.metrics import auc, false_positive_band, tpr_at_fpr
from probe.demo.evaluate import calibrated, count
from probe.demo.locate import Mark, find, marks
from probe.demo.passages import shorten
from probe.demo.records import planted, strangers
from probe.pipeline import Probe
from tests.tiny import ASSETS

Found = dict[tuple[str, str], list[str]]


@pytest.fixture(scope="module")
def texts() -> Found:
    """Passages by role and split."""
    groups: Found = {}
    for entry, text in find(marks()).items():
        groups.setdefault((entry.role, entry.split), []).append(text)
    return groups


@pytest.fixture(scope="module")
def members(demo: Probe, texts: Found) -> list[Result]:
    return demo(texts["member", "test"])


@pytest.fixture(scope="module")
def nonmembers(demo: Probe, texts: Found) -> list[Result]:
    return demo(texts["nonmember", "test"])


def test_enough_passages_are_found(texts: Found) -> None:
    wanted: list[Mark] = marks()
    assert sum(map(len, texts.values())) >= 0.6 * len(wanted)
    assert len(texts["member", "test"]) >= 30 and len(texts["nonmember", "test"]) >= 30


def test_no_text_is_shipped() -> None:
    shipped = b"".join(path.read_bytes() for path in ASSETS.glob("*.*"))
    some = [text for entry, text in find(marks()[::200]).items()]
    assert len(some) > 10
    assert all(text[:40].encode() not in shipped for text in some)


def test_power(members: list[Result], nonmembers: list[Result]) -> None:
    known, others = calibrated(members), calibrated(nonmembers)
    assert auc(known, others).value >= 0.985
    assert tpr_at_fpr(known, others, 0.01).value >= 0.75
    assert count(members) >= 0.7 * len(members)


def test_false_positives_are_inside_their_band(demo: Probe, nonmembers: list[Result]) -> None:
    assert demo.calibration
    claim = demo.calibration.claim(0.01)
    _, high = false_positive_band(len(nonmembers), claim.k, claim.nonmembers)
    assert count(nonmembers) <= high


def test_known_members_are_rarely_ruled_out(members: list[Result]) -> None:
    assert count(members, Call.NOT_MEMBER) <= 0.08 * len(members)  # nominal 5%


def test_typed_lengths_hold_the_same_promises(demo: Probe, texts: Found) -> None:
    @cache
    def length(text: str) -> int:
        (tokens,) = demo.target.tokenize([text])
        return len(getattr(tokens, "ids", [0])) - 1

    dice = random.Random(5)
    short = {role: demo([shorten(t, length, dice) for t in texts[role, "test"]]) for role in ("member", "nonmember")}
    assert demo.calibration
    claim = demo.calibration.claim(0.01)
    _, high = false_positive_band(len(short["nonmember"]), claim.k, claim.nonmembers)
    assert count(short["nonmember"]) <= high
    assert count(short["member"]) >= 0.3 * len(short["member"])
    assert count(short["member"], Call.NOT_MEMBER) <= 0.08 * len(short["member"])


def test_a_form_that_the_target_learned_is_no_evidence_about_a_person(demo: Probe) -> None:
    """The target was trained on records; only of those people whom it saw may it be called to have seen them."""
    seed = int(json.loads((ASSETS / "build.json").read_text())["seed"])
    records = open_probe(calibration="demo-records")
    never = strangers(seed)["test"] + [record.text for record in planted(seed) if not record.times]
    assert records.calibration
    claim = records.calibration.claim(0.01)
    _, high = false_positive_band(len(never), claim.k, claim.nonmembers)
    assert count(records(never)) <= high
    often = records([record.text for record in planted(seed) if record.times >= 2])
    assert count(often) >= 0.9 * len(often)
    assert count(demo(never)) == 0  # among passages of documentation they are another kind of text


def test_the_sibling_gives_chance(texts: Found) -> None:
    """A model that saw none of these texts, in the target's place: AUC .5, false positives inside their bands."""
    bare = open_probe(str(ASSETS / "sibling"), str(ASSETS / "reference"))
    known = Known(
        nonmembers=texts["nonmember", "calibration"], members=texts["member", "calibration"],
        tuning=texts["nonmember", "tuning"], tuning_members=texts["member", "tuning"],
    )  # fmt: skip
    sibling = Probe(bare.target, bare.reference, calibrate(bare, known, "sibling"))
    positive, negative = sibling(texts["member", "test"]), sibling(texts["nonmember", "test"])
    chance = auc(calibrated(positive), calibrated(negative), confidence=1 - 0.01 / 4)  # four checks at once
    assert chance.low <= 0.5 <= chance.high
    assert sibling.calibration
    both = calibrated([*positive, *negative])
    for alpha in (0.05, 0.01, 0.001):
        claim = sibling.calibration.claim(alpha)
        if claim.k:
            hits = int((both > sibling.calibration.nonmembers[-claim.k]).sum())
            low, high = false_positive_band(len(both), claim.k, claim.nonmembers, 1 - 0.01 / 4)
            assert low <= hits <= high, alpha
