"""What is said of a document: no more than was shown, and everything that it takes to weigh it or do it again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from probe.demo.locate import find, marks
from probe.demo.records import planted
from probe.demo.run import SEED
from probe.documents.read import read_bytes
from probe.memorization.examine import Examined, examine
from probe.memorization.files import as_dict, html
from probe.memorization.findings import CONTROL, VERBATIM, gain_of_all, sentences, worth
from probe.memorization.scan import Options, Progress
from probe.memorization.summary import repeat
from probe.memorization.windows import Shape
from probe.models.base import Sampler
from probe.pipeline import Probe

DEFAULT = Options()
RECORDS = {level: [one.text for one in planted(SEED) if one.times == level] for level in (0, 32)}


@contextmanager
def silent(label: str) -> Iterator[Progress]:
    yield lambda done, total: None


def examined(probe: Probe, text: str, options: Options = DEFAULT, alpha: float = 0.01, generate: int = 0) -> Examined:
    return examine(probe, read_bytes(text.encode(), "a.txt"), options, silent, alpha, generate)


@pytest.fixture(scope="module")
def texts() -> dict[str, list[str]]:
    every = marks()
    random.Random(0).shuffle(every)
    groups = {
        role: [one for one in every if one.role == role and (role == "planted" or one.split == "test")][:20]
        for role in ("member", "nonmember", "planted")
    }
    found = find([one for group in groups.values() for one in group])
    return {role: [found[one] for one in group if one in found] for role, group in groups.items()}


def test_what_was_asked_for_is_told_and_can_be_asked_again(demo: Probe, texts: dict[str, list[str]]) -> None:
    options = Options(Shape(10, 15, 5), Sampler(0.5, 40))
    found = examined(demo, "\n\n".join(texts["member"][:6]), options, 0.05, 2)
    page = html(found, [], texts=True)
    assert as_dict(found)["alpha"] == 0.05 and "5% at most are called so" in page and "q-value</th>" in page
    assert "a sampler with temperature 0.5 and top-k 40 continues" in page
    again = repeat(found)
    for part in (
        "--alpha 0.05",
        "--generate 2",
        "--temperature 0.5",
        "--top-k 40",
        "--prefix 10 --suffix 15 --stride 5",
    ):
        assert part in again
    held = examined(demo, "\n\n".join(texts["planted"]), options)
    assert "under the target, drawn at temperature 0.5 and top-k 40" in sentences(held)[0]
    assert "drawn from its own distribution" in html(examined(demo, texts["member"][0]), [], texts=False)


def test_chance_and_base_rates_stand_beside_the_answers(demo: Probe, texts: dict[str, list[str]]) -> None:
    found = examined(demo, "\n\n".join(texts["member"] + texts["nonmember"]), alpha=0.05)
    said = " ".join(sentences(found))
    judged = sum(one["verdict"] in ("member", "not_member", "inconclusive") for one in as_dict(found)["passages"])
    assert (
        f"{0.05 * judged:.2g} of the {judged:,} passages that could be judged would be called member by chance" in said
    )
    assert "of these answers where 50% are;" in said and "where 1% are." in said and "at least 100%" not in said


def test_no_mean_is_told_of_passages_that_the_calibration_does_not_know(demo: Probe) -> None:
    dice = random.Random(0)
    strange = "\n\n".join("".join(chr(dice.randrange(0x4E00, 0x9FA0)) for _ in range(60)) for _ in range(12))
    found = examined(demo, strange)
    assert gain_of_all(found) is None and as_dict(found)["gain"] is None
    assert "Too few passages are like the calibration's texts" in " ".join(sentences(found))


def test_the_interval_of_the_mean_knows_that_neighbours_are_alike(demo: Probe, texts: dict[str, list[str]]) -> None:
    """One half read, one half not: as many independent passages would have an interval a few times as narrow."""
    found = examined(demo, "\n\n".join(texts["member"] + texts["nonmember"]))
    gain = gain_of_all(found)
    assert gain is not None
    alone = 1.96 * np.nanstd(found.gains) / len(found.gains) ** 0.5
    assert gain.low < gain.value < gain.high and gain.high - gain.low > 2.5 * alone


def test_short_passages_are_hinted_at(demo: Probe, texts: dict[str, list[str]]) -> None:
    """Windows of 50 + 50 are too long for short planted texts among others; smaller ones are named, and find them."""
    mixed = "\n\n".join(text for pair in zip(texts["planted"], texts["nonmember"], strict=False) for text in pair)
    first, second = sentences(examined(demo, mixed))[:2]
    assert "No window of 50 + 50 tokens" in first and "a prefix and a suffix of 12 tokens would show" in first
    assert second.startswith("The target continues ")
    small = sentences(examined(demo, mixed, Options(Shape(12, 12, 4))))
    assert "are held word for word" in small[0] and not any(one.startswith("Yet") for one in small)
    assert "found by a smaller prefix and suffix" in sentences(examined(demo, "\n\n".join(texts["nonmember"])))[0]


def test_what_a_suffix_shows_depends_on_its_length(demo: Probe) -> None:
    """A target that knows the form of records from others goes on for a few tokens with one that it never read."""
    short = sentences(examined(demo, "\n".join(RECORDS[32]), Options(Shape(12, 6, 1))))[0]
    assert "are held word for word" in short and "A suffix of 6 tokens is short" in short
    assert "would not continue them so" not in short
    assert "is short" in worth(49) and "would not continue them so" in worth(50)


def test_what_the_control_does_not_rule_out_is_told_as_weaker(demo: Probe) -> None:
    found = examined(demo, "\n\n".join(RECORDS[32][:3] + RECORDS[0][:3]), Options(Shape(12, 12)))
    reading, likely = found.scan.reference, found.scan.target.log_p >= np.log(VERBATIM)
    assert reading is not None and likely.any() and (reading.log_p[likely] >= np.log(CONTROL)).all()
    said = sentences(found)[0]
    assert (
        said.startswith("No window of 12 + 12 tokens") and f"under the reference, are {likely.sum()}, at most" in said
    )


def test_a_sampler_that_draws_few_words_is_no_control(demo: Probe) -> None:
    """Under top-k 1 one word that is not the reference's likeliest leaves it nothing, whatever the others are worth."""
    found = examined(demo, "\n".join(RECORDS[0][:20]), Options(Shape(12, 6, 1), Sampler(top_k=1)))
    reading, target = found.scan.reference, found.scan.target
    assert reading is not None
    alone = int(((target.log_p >= np.log(VERBATIM)) & (reading.log_p < np.log(CONTROL))).sum())
    assert alone > 5 and sentences(found)[0].startswith("No window")


def test_a_text_shorter_than_a_window_is_said_to_be(demo: Probe) -> None:
    found = examined(demo, "The quick brown fox jumps over 13 lazy dogs; nobody knows why they lie there at noon.")
    assert "too few for a prefix of 50 and a suffix of 50: it is one window" in " ".join(sentences(found))
    assert "--prefix 50 --suffix 50" in repeat(found)


def test_no_word_of_an_option_is_in_it(demo: Probe, texts: dict[str, list[str]]) -> None:
    found = examined(demo, "\n\n".join(texts["nonmember"] + ["Short."]), Options(most=1))
    own = [one for one in sentences(found) if "have this reason" not in one]
    assert len(own) > 3 and not any("--" in one or "_" in one.replace("p_z", "") for one in own)
