"""Labelled texts to figures, on the embedded pair: what is measured, in how many passes, and what is warned of."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from probe import open_probe
from probe.audit.evaluate import CALIBRATED, Evaluation, as_values, evaluate
from probe.audit.files import write_scores
from probe.audit.labelled import Entry, Labelled, read_labelled
from probe.audit.metrics import Figure, auc, spearman
from probe.audit.show import figures
from probe.audit.summary import caution, sentences
from probe.calibration.blind import bag_all, separation
from probe.demo.locate import find, marks
from probe.models.base import NO_EXTRAS, Extras
from probe.models.local import LocalEngine
from probe.pipeline import Probe
from probe.types import Text, Tokens, TokenStats, Unscored
from tests.tiny import ASSETS


class Counting(LocalEngine):
    """Counts how often each text is read."""

    read: Counter[bytes]

    def score(self, texts: Sequence[Tokens], extras: Extras = NO_EXTRAS) -> list[TokenStats | Unscored]:
        self.read.update(tokens.ids.tobytes() for tokens in texts)
        return super().score(texts, extras)


def test_one_pass_of_target_and_reference() -> None:
    """More texts than one chunk holds: the target reads each and its lower-case copy once, the reference each once."""
    target, reference = (Counting.open(str(ASSETS / name)) for name in ("target", "reference"))
    target.read, reference.read = Counter(), Counter()
    texts = [f"Number {i} of the Values that The Queue holds is returned." for i in range(300)]
    entries = tuple(Entry(Text(text), i % 2 == 0) for i, text in enumerate(texts))
    seen: list[tuple[int, int]] = []
    found = evaluate(Probe(target, reference), Labelled(entries), progress=lambda *at: seen.append(at))
    expected = Counter(
        tokens.ids.tobytes() for tokens in target.tokenize(texts + [text.lower() for text in texts])
        if isinstance(tokens, Tokens)
    )  # fmt: skip
    assert target.read == expected and set(expected.values()) == {1}
    assert reference.read.total() == 300
    assert {"loss", "lowercase", "ref", "ez", "minkpp", "wbc"} <= set(found.compared)
    assert seen == [(256, 300), (300, 300)]
    assert found.default == "ref" and found.verdicts == {}


def test_the_figures_are_those_of_the_scores(demo: Probe, passages: list[Entry], tiny_evaluation: Evaluation) -> None:
    found = tiny_evaluation
    results = demo([entry.text for entry in passages], scores=["loss"])
    sides: tuple[list[float], list[float]] = ([], [])
    for entry, result in zip(passages, results, strict=True):
        value = result.scores["loss"].value
        assert value is not None
        sides[not entry.member].append(value)
    expected, measured = auc(np.array(sides[0]), np.array(sides[1])), found.figures["loss"].auc
    assert isinstance(measured, Figure) and measured.value == pytest.approx(expected.value, abs=1e-3)
    assert measured.value > 0.8
    assert found.default == CALIBRATED and set(found.scores) == {"loss", "ref", "dcpdd", CALIBRATED}
    assert sum(found.verdicts["members"].values()) == 61 and found.verdicts["members"]["error"] == 1
    assert list(found.figures["loss"].tpr) == [0.05, 0.001]


def test_a_text_that_cannot_be_scored_is_counted(tiny_evaluation: Evaluation) -> None:
    found = tiny_evaluation
    assert found.unscored == (("empty", "Cannot score: the text is empty."),)
    assert found.ids[-1] == "empty" and found.scores["loss"][-1].reason == "Cannot score: the text is empty."
    assert (found.figures["ref"].members, found.figures["ref"].nonmembers) == (60, 60)
    assert list(found.absent) == ["dcpdd"] and "memprobe frequencies" in found.absent["dcpdd"]
    said = sentences(found)
    assert said[0] == "60 members and 60 non-members were evaluated."
    assert "1 members and 0 non-members could not be scored, and are in no score's figure." in said


def test_a_text_without_an_id_is_named_by_its_place(demo: Probe, tmp_path: Path) -> None:
    rows = [("The queue is empty.", 1), ("The queue is empty.", 1), ("", 1), ("A list of items.", 0), ("x\ud800", 0)]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows))
    found = evaluate(demo, read_labelled([str(path)]), scores=["loss"])
    assert found.ids == tuple(f"a.jsonl, row {row}" for row in (1, 3, 4, 5))
    assert [name for name, _ in found.unscored] == ["a.jsonl, row 3", "a.jsonl, row 5"]
    assert found.scored.tolist() == [True, False, True, False]
    assert sentences(found)[0] == "1 members and 1 non-members were evaluated."
    write_scores(found, tmp_path / "scores.csv")
    with (tmp_path / "scores.csv").open() as file:
        assert [row["id"] for row in csv.DictReader(file)] == list(found.ids)


def test_a_score_that_some_texts_lack_says_so(
    demo: Probe, passages: list[Entry], tiny_evaluation: Evaluation, capsys: pytest.CaptureFixture[str]
) -> None:
    short = [Entry(Text(word), i % 2 == 0, word) for i, word in enumerate(("a", "b", "c", "d", "e"))]
    found = evaluate(demo, Labelled((*passages, *short, Entry(Text(""), True, "empty"))), scores=["loss", "surp"])
    counts = found.figures["surp"]
    assert counts.members < 63 and counts.nonmembers < 62
    figures(found)
    said = " ".join(capsys.readouterr().out.split())
    assert f"surp rests on {counts.members} of 63 members and {counts.nonmembers} of 62 non-members" in said
    assert "loss rests on" not in said
    figures(tiny_evaluation)
    assert " rests on 6" not in capsys.readouterr().out


def test_no_texts_have_a_reason_for_no_score(demo: Probe) -> None:
    assert evaluate(demo, Labelled(()), scores=["loss"]).absent == {"loss": "there are no texts"}


def test_the_blind_baseline_is_the_words(passages: list[Entry], tiny_evaluation: Evaluation) -> None:
    texts = [*passages, Entry(Text(""), True)]
    bags = [bag_all([entry.text.text for entry in texts if entry.member is kind]) for kind in (True, False)]
    assert tiny_evaluation.blind.auc == separation(bags[0], bags[1])
    assert isinstance(tiny_evaluation.blind.tpr[0.05], Figure)


def test_scores_are_compared_by_rank(tiny_evaluation: Evaluation) -> None:
    found = tiny_evaluation
    assert found.compared == ("loss", "ref", CALIBRATED)
    loss, ref = (as_values(found.scores[name])[:-1] for name in ("loss", "ref"))
    assert found.correlation[0][1] == found.correlation[1][0] == spearman(loss, ref)
    assert found.correlation[2][2] == pytest.approx(1)


def test_the_data_s_hash_forgets_the_order(demo: Probe, passages: list[Entry]) -> None:
    some = passages[:4]
    there, back = (evaluate(demo, Labelled(tuple(texts)), scores=["loss"]) for texts in (some, some[::-1]))
    flipped = evaluate(demo, Labelled((Entry(some[0].text, False), *some[1:])), scores=["loss"])
    assert there.data == back.data != flipped.data
    assert there.separates_blindly is None and "fewer than 50 texts" in str(caution(there))
    assert isinstance(there.figures["loss"].auc, Unscored) and there.best is None


@pytest.mark.parametrize(("members", "nonmembers"), [(49, 60), (60, 49), (50, 50)])
def test_few_texts_clear_no_words(tiny_evaluation: Evaluation, members: int, nonmembers: int) -> None:
    found = replace(tiny_evaluation, blind=replace(tiny_evaluation.blind, members=members, nonmembers=nonmembers))
    assert (found.separates_blindly is None) == (min(members, nonmembers) < 50)


def test_sets_of_different_kinds_are_warned_of(demo: Probe) -> None:
    """Nothing of either was in the training data."""
    members = [f"The function number {i} returns a list of items or raises an error." for i in range(60)]
    others = [f"My grandmother baked {i} plum cakes and gave one to each neighbour." for i in range(60)]
    texts = tuple(Entry(Text(text), kind) for kind, group in ((True, members), (False, others)) for text in group)
    found = evaluate(demo, Labelled(texts), scores=["loss"])
    assert found.separates_blindly
    assert "none of the figures shows anything about membership" in str(caution(found))


def test_texts_that_the_calibration_knows_are_warned_of(demo: Probe) -> None:
    known = find([entry for entry in marks() if entry.split == "calibration" and entry.role == "member"][:60]).values()
    found = evaluate(demo, Labelled(tuple(Entry(Text(text), i % 2 == 0) for i, text in enumerate(known))), scores=[])
    assert any("share a run of words with the calibration's" in warning for warning in found.warnings)


def test_tinystories_is_a_case_of_shift(shared: Path) -> None:
    """The material's own notes say: blind AUC .62, loss AUC .40."""
    labelled = read_labelled([str(shared / "tinystories" / "matched_members_heldout.jsonl")])
    assert len(labelled.entries) == 990
    some = Labelled(labelled.entries[1::3])  # for time
    found = evaluate(open_probe(str(shared / "models" / "stories260K")), some, scores=["loss"])
    blind, loss = found.blind.auc, found.figures["loss"].auc
    assert isinstance(blind, Figure) and isinstance(loss, Figure)
    assert found.separates_blindly and caution(found)
    assert blind.low <= 0.62 <= blind.high and loss.low <= 0.40 <= loss.high
