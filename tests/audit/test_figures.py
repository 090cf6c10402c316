"""The figures of one score, by hand and against the metrics they are made of."""

from __future__ import annotations

import numpy as np
import pytest

from probe.audit.figures import FPRS, advantage, halves, measure
from probe.audit.metrics import Figure, auc, balanced_accuracy, best_threshold
from probe.types import Unscored

NAN = float("nan")


def test_figures_are_over_the_texts_that_have_the_score() -> None:
    dice = np.random.default_rng(0)
    member = np.arange(260) < 130
    values = dice.normal(member, 1)
    values[[0, 200]] = NAN
    tuning = halves(member, 0)
    found = measure(values, member, tuning, FPRS, 0.95)
    positive, negative = values[1:130], np.delete(values[130:], 70)
    assert (found.members, found.nonmembers) == (129, 129)
    assert found.auc == auc(positive, negative)
    assert isinstance(found.tpr[0.01], Figure)
    assert found.tpr[0.01].value == (positive > np.sort(negative)[-2]).mean()
    assert found.tpr[0.001] == Unscored("takes at least 1,000 non-members; there are 129")
    there = ~np.isnan(values)
    sides = [[values[there & (member == kind) & (tuning == half)] for kind in (True, False)] for half in (True, False)]
    assert found.threshold == best_threshold(*sides[0])
    assert found.balanced_accuracy == balanced_accuracy(*sides[1], found.threshold)
    assert found.advantage == advantage(found.balanced_accuracy)


def test_the_advantage_is_twice_the_accuracy_over_a_half() -> None:
    found = advantage(Figure(0.75, 0.5, 0.875))
    assert isinstance(found, Figure)
    assert (found.value, found.low, found.high) == (0.5, 0, 0.75)
    assert advantage(Unscored("why")) == Unscored("why")


@pytest.mark.parametrize(("members", "nonmembers"), [(19, 300), (300, 19), (0, 0), (0, 25)])
def test_few_texts_are_refused_with_the_number_needed(members: int, nonmembers: int) -> None:
    member = np.arange(members + nonmembers) < members
    found = measure(np.arange(len(member)) * 1.0, member, halves(member, 0), FPRS, 0.95)
    for figure in (found.auc, found.balanced_accuracy, found.advantage):
        assert isinstance(figure, Unscored) and f"at least 20 members and as many non-members; there are {members}" in (
            figure.reason
        )
    assert found.threshold is None


def test_twenty_of_each_are_measured() -> None:
    member = np.arange(40) < 20
    found = measure(member * 1.0, member, halves(member, 0), (0.1,), 0.95)
    assert isinstance(found.auc, Figure) and isinstance(found.balanced_accuracy, Figure)
    assert found.balanced_accuracy.value == 1 and found.balanced_accuracy.low < 0.8  # ten of each were tested


def test_halves_are_halves_of_each_kind() -> None:
    member = np.arange(30) % 3 == 0
    tuning = halves(member, 5)
    assert tuning[member].sum() == 5 and tuning[~member].sum() == 10
    assert (tuning == halves(member, 5)).all() and (tuning != halves(member, 6)).any()
