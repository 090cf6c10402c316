"""Neighbours as strings, and the scores that read them, end to end."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from probe import open_probe
from probe.cli import app
from probe.neighbours import COUNT, Span, like, neighbours, places, put
from probe.pipeline import Probe
from tests.contract import expected
from tests.tiny import ASSETS

TEXTS = [
    "The iterator yields each key once, and then it stops; otherwise the default value is returned.",
    "Return  the LIST of\tnames in os.path, or None if no_such file exists.",
    "Two words",
]
SCORES = ["neighbour", "spv"]
WORDS = "list table file iterator module package string number".split()


class Numbering:
    """Proposes made-up words, which name their rank."""

    hash = "sha256:none"

    def propose(self, texts: Sequence[str], spans: Sequence[Sequence[Span]], depth: int) -> list[list[list[str]]]:
        return [[["w" * (rank + 1) for rank in range(depth)] for _ in group] for group in spans]


def words(text: str) -> list[str]:
    return [text[begin:end] for begin, end in sorted(places(text))]


def test_words_stand_alone_and_hold_letters_only() -> None:
    assert words(TEXTS[1]) == ["Return", "the", "LIST", "of", "names", "in", "or", "None", "if", "file", "exists"]
    assert words("(so) it's x1 naïve, “quoted” 漢字! end") == ["naïve", "漢字", "end"]
    assert words("os.path a_b 12 --x " + "l" * 30) == []


def test_a_new_word_takes_the_capitals_of_the_old_one() -> None:
    assert [like(old, "Paris") for old in ("LIST", "List", "list", "A")] == ["PARIS", "Paris", "paris", "Paris"]
    assert put("in  the LIST,\n", (8, 12), "row") == "in  the ROW,\n"


def test_one_word_of_a_neighbour_is_new_and_no_white_space_is() -> None:
    for text, made in zip(TEXTS, neighbours(Numbering(), TEXTS), strict=True):
        assert len(made) == COUNT == len(set(made))
        for copy in made:
            assert re.findall(r"\s+", copy) == re.findall(r"\s+", text)
            differing = [pair for pair in zip(copy.split(), text.split(), strict=True) if pair[0] != pair[1]]
            assert len(differing) == 1
    (short,) = neighbours(Numbering(), TEXTS[2:])
    assert {*short[:2]} == {"Two w", "W words"} and {*short[2:4]} == {"Two ww", "Ww words"}


@given(st.lists(st.text(max_size=60), max_size=4))
def test_any_text_has_its_neighbours_whatever_stands_beside_it(texts: list[str]) -> None:
    together = neighbours(Numbering(), texts)
    for text, made in zip(texts, together, strict=True):
        assert made == neighbours(Numbering(), [text])[0]
        assert bool(made) == bool(places(text))
        assert len(made) <= COUNT


@pytest.fixture(scope="module")
def opened() -> Probe:
    return open_probe(neighbours=str(ASSETS / "reference"))


def test_scores_are_those_of_the_neighbours_one_by_one(opened: Probe) -> None:
    """Against transformers, one text at a time; the reference from its own engine."""
    (result,) = opened(TEXTS[:1], scores=SCORES)
    assert opened.setup.proposer and opened.reference
    (made,) = neighbours(opened.setup.proposer, TEXTS[:1])
    tokens = opened.target.tokenize([TEXTS[0], *made])
    own, *others = [-float(expected(entry, opened.target.context)["logprob"].mean()) for entry in tokens]  # type: ignore
    drop = sum(others) / len(others) - own
    assert result.scores["neighbour"].value == pytest.approx(drop, abs=1e-4)
    first, *rest = [stats.loss for stats in opened.reference.score(tokens)]  # type: ignore
    assert result.scores["spv"].value == pytest.approx(drop - (sum(rest) / len(rest) - first), abs=1e-4)


def test_company_does_not_matter(opened: Probe) -> None:
    together = opened([*TEXTS[::-1], "", "12 34 5-6", *TEXTS], scores=SCORES)
    for text, one, other in zip(TEXTS, together[2::-1], together[5:], strict=True):
        (alone,) = opened(text, scores=SCORES)
        for name in SCORES:
            assert one.scores[name].value == pytest.approx(alone.scores[name].value, abs=1e-5)
            assert other.scores[name].value == pytest.approx(alone.scores[name].value, abs=1e-5)
    assert together[3].error and "no word of the text" in str(together[4].scores["neighbour"].reason)


def test_without_a_model_the_reason_names_the_option(demo: Probe) -> None:
    (result,) = demo(TEXTS[:1], scores=[*SCORES, "loss"])
    for name in SCORES:
        assert "(--neighbours, MEMPROBE_NEIGHBOURS)" in str(result.scores[name].reason)
    assert result.scores["loss"].value is not None


def test_the_model_is_named_in_the_fingerprint(opened: Probe, demo: Probe) -> None:
    assert opened.fingerprint.neighbours.startswith("sha256:") and demo.fingerprint.neighbours == ""
    assert opened.fingerprint.mismatches(demo.fingerprint) == []


def test_the_reference_reads_neighbours_only_where_a_score_compares(opened: Probe) -> None:
    from probe.prepared import Options
    from probe.types import Text

    for names, count in ((["neighbour"], 0), (["spv"], COUNT)):
        prepared = opened.prepare([Text(TEXTS[0])], Options(frozenset(names)))
        assert sum(len(group[0]) for group in prepared.reference_copies.values()) == count


def test_the_service_keeps_what_it_was_opened_with_under_another_calibration(opened: Probe, demo: Probe) -> None:
    assert demo.calibration
    again = Probe.of(opened.setup, demo.calibration)
    assert again.setup.proposer is opened.setup.proposer and again.setup.prefixes is opened.setup.prefixes
    assert again.fingerprint == opened.fingerprint and again.calibration is demo.calibration


def test_a_reference_of_another_tokenizer_is_not_compared(shared: Path) -> None:
    other = str(shared / "models" / "stories260K")
    probe = open_probe(str(ASSETS / "target"), other, neighbours=other)
    (result,) = probe(TEXTS[:1], scores=SCORES)
    assert result.scores["neighbour"].value is not None
    assert "another tokenizer" in str(result.scores["spv"].reason)


def test_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMPROBE_HOME", str(tmp_path / "home"))
    asked = ["probe", TEXTS[0], "--scores", "neighbour,spv,gradnorm", "--json"]
    given_it = CliRunner().invoke(app, [*asked, "--neighbours", str(ASSETS / "reference")])
    assert given_it.exit_code == 0
    for name in ("neighbour", "spv", "gradnorm"):
        assert f'"{name}": {{"value": ' in given_it.stdout


def test_evaluate_takes_them_too(tmp_path: Path) -> None:
    path = tmp_path / "labelled.jsonl"
    rows = [{"text": f"The {word} of {word}s yields a key once.", "label": n % 2} for n, word in enumerate(WORDS)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = ["evaluate", str(path), "--scores", "neighbour", "--json"]
    done = CliRunner().invoke(app, [*asked, "--neighbours", str(ASSETS / "reference")])
    assert done.exit_code == 0, done
    assert json.loads(done.stdout)["fingerprint"]["neighbours"].startswith("sha256:")
