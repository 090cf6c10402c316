"""From texts to a report on the embedded pair: the figures are those of the texts, and nothing is told beside them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from pathlib import Path

import pytest

from probe.calibration.calibration import Calibration
from probe.config import Settings
from probe.demo.locate import find, marks
from probe.errors import InputError, ModelError, Spent
from probe.models.base import NO_EXTRAS, Engine, Extras
from probe.pipeline import Probe
from probe.reporting import Reporter, Terms, open_reporter
from probe.reporting.ledger import Ledger
from probe.scans.database import Database
from probe.types import Call, Text, Tokens, TokenStats, Unscored
from tests.reporting.conftest import Many

LOUD = Terms(least=20, epsilon=Decimal(10_000))  # next to no noise


class Failing:
    """The embedded target, to which one of the texts that it reads is too much."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.identity, self.context, self.warnings = engine.identity, engine.context, engine.warnings

    def load(self) -> None:
        self._engine.load()

    def tokenize(self, texts: Sequence[str]) -> list[Tokens | Unscored]:
        return self._engine.tokenize(texts)

    def score(self, texts: Sequence[Tokens], extras: Extras = NO_EXTRAS) -> list[TokenStats | Unscored]:
        return [Unscored("out of memory"), *self._engine.score(texts[1:], extras)]

    def same_tokenizer(self, other: Engine) -> bool:
        return True


@pytest.fixture
def members() -> list[Text]:
    chosen = [entry for entry in marks() if entry.split == "test" and entry.role == "member"]
    return [Text(text) for text in find(random.Random(0).sample(chosen, 90)).values()]


def reporter(database: Database, terms: Terms = LOUD, budget: int = 100_000) -> Reporter:
    return Reporter(Ledger(database, Decimal(budget)), terms)


def test_the_figures_are_those_of_the_texts(demo: Probe, members: list[Text], database: Database) -> None:
    report = reporter(database)(demo, [*members, members[0], Text(""), Text("?!")])
    assert report.copies + report.counted == len(members) + 1 and report.counted > 80
    assert report.given == len(members) + 3 and report.left_out == 2
    results = demo(members)
    loss, share = report.statistics["loss"], report.statistics["member_share"]
    assert loss.value == pytest.approx(sum(r.target.loss for r in results if r.target) / len(members), abs=0.05)
    called = sum(r.verdict is not None and r.verdict.call is Call.MEMBER for r in results)
    assert share.value == pytest.approx(called / len(members), abs=0.05) and share.value > 0.8
    assert (loss.clip, share.clip) == ((0, 10), (0, 1)) and loss.epsilon == share.epsilon == 5000
    assert (report.epsilon, report.left) == (10_000, 90_000) and report.warnings == ()


def test_the_same_cohort_gets_the_very_same_report(demo: Probe, many: Many, database: Database) -> None:
    ask = reporter(database, Terms(least=20))
    first = ask(demo, many(30))
    assert asdict(ask(demo, many(30)[::-1])) == asdict(first)
    assert 1 < first.statistics["loss"].scale * 30 / 10 < 3  # half of an epsilon of 1


def test_another_calibration_costs_another_epsilon(demo: Probe, many: Many, database: Database) -> None:
    ask = reporter(database, Terms(least=20), budget=2)
    assert demo.calibration
    others: list[Calibration | None] = [demo.calibration, replace(demo.calibration, created="then"), None]
    probes = [Probe.of(demo.setup, calibration) for calibration in others]
    assert [ask(probe, many(30)).left for probe in probes[:2]] == [1, 0]
    with pytest.raises(Spent):
        ask(probes[2], many(30))
    renamed = Probe.of(demo.setup, replace(demo.calibration, name="renamed"))
    assert ask(renamed, many(30)).left == 1  # the first one's answer


def test_without_a_calibration_the_loss_has_all_of_the_epsilon(demo: Probe, many: Many, database: Database) -> None:
    report = reporter(database, Terms(least=20))(Probe.of(demo.setup), many(25))
    assert list(report.statistics) == ["loss"] and report.statistics["loss"].epsilon == 1
    assert report.calibration is None


def test_no_share_is_told_where_no_text_can_be_a_member(demo: Probe, many: Many, database: Database) -> None:
    report = reporter(database)(demo, many(120))  # of another kind than the calibration's
    assert list(report.statistics) == ["loss"]
    assert report.warnings == ("No share of members: these gates failed, so that no verdict says member: blind.",)


def test_too_few_texts_are_refused_whatever_is_put_beside_them(demo: Probe, many: Many, database: Database) -> None:
    ask = reporter(database)
    ask(demo, many(30))
    long = [Text(" ".join(f"{i}x{j}" for j in range(400))) for i in range(40)]
    strict = reporter(database, replace(LOUD, max_tokens=100))
    for texts in ([], many(19, seed=1), many(1, seed=1) * 30, many(2)):  # the last two were reported on
        with pytest.raises(InputError, match="a report takes 20 at least") as refusal:
            ask(demo, texts)
        assert type(refusal.value) is InputError
    with pytest.raises(InputError, match="2 distinct texts") as refusal:
        strict(demo, [*many(2), *long])  # else filler that costs nothing would find out what was asked about
    assert type(refusal.value) is InputError
    assert ask(demo, many(30, seed=2)).left == 80_000


def test_a_model_that_fails_costs_nothing(demo: Probe, many: Many, database: Database) -> None:
    ask = reporter(database)
    with pytest.raises(ModelError, match="nothing was told or spent"):
        ask(Probe(Failing(demo.target)), many(30))
    assert ask(demo, many(31)).left == 90_000


def test_as_the_settings_say(demo: Probe, many: Many, tmp_path: Path) -> None:
    texts = [text.text for text in many(12)]
    terms = Settings(home=tmp_path, cohort=12, epsilon="0.25", budget="0.75", clip=(1, 5))  # type: ignore[arg-type]
    report = open_reporter(terms)(demo, texts)
    assert (report.epsilon, report.left, report.statistics["loss"].clip) == (0.25, 0.5, (1, 5))
    assert report.statistics["loss"].scale == pytest.approx(4 / (12 * 0.125))
    assert open_reporter(terms)(demo, texts) == report


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epsilon": 9}, "pays for no report"),
        ({"cohort": 300}, "raise MEMPROBE_MAX_TEXTS"),
        ({"clip": (3, 1)}, "lower and a higher end"),
    ],
)
def test_settings_that_allow_no_report(tmp_path: Path, options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        open_reporter(Settings(home=tmp_path, **options))  # type: ignore[arg-type]
