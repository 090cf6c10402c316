"""What the embedded model gives away of the records that were planted in it."""

from __future__ import annotations

import csv
import itertools
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from probe.cli import app
from probe.demo.records import LEVELS, planted
from probe.demo.run import SEED
from probe.errors import InputError
from probe.memorization.pii.fillers import by_pieces, fillers, free
from probe.memorization.pii.investigate import Options, investigate
from probe.memorization.pii.lineup import Lineup, lineup
from probe.memorization.pii.rank import Ranked, rank
from probe.memorization.pii.spans import Span, find, named, patterns_of
from probe.models.base import Extras
from probe.models.local import LocalEngine
from probe.types import Text, Tokens, TokenStats, Unscored
from probe.wanted import while_wanted
from tests.tiny import ASSETS

TARGET, REFERENCE = (LocalEngine.open(str(ASSETS / name)) for name in ("target", "reference"))
PATTERN = r"PHONE_NUMBER=Phone: 555 (\d{3} \d{4})"
PHONE = patterns_of(named([PATTERN]))  # all begin with 555: random ones do not
RECORDS = {level: [one.text for one in planted(SEED) if one.times == level] for level in LEVELS}
LETTER = (
    "Write to jane.doe@example.com or call +1 415 555 0132. The card is 4111 1111 1111 1111, the account DE89 3704 "
    "0044 0532 0130 00, the machine 192.168.10.4."
)


def placed(text: str, span: Span, count: int) -> Lineup:
    found = lineup(TARGET, text, span, count)
    assert isinstance(found, Lineup)
    return found


def ranked(engine: LocalEngine, text: str, count: int = 300) -> Ranked:
    (span,) = find(text, PHONE, presidio=False)
    found = rank(engine, placed(text, span, count))
    assert isinstance(found, Ranked)
    return found


def test_exposure_rises_with_repetition() -> None:
    """p_z of single records, and exposure among 300, by how often they were planted."""
    found = {level: [ranked(TARGET, text) for text in texts[:6]] for level, texts in RECORDS.items()}
    likely = [np.mean([one.log_p for one in group]) for group in found.values()]
    assert all(one < other + 0.5 for one, other in itertools.pairwise(likely)) and likely[-1] > math.log(0.8)
    exposed = [np.array([one.exposure for one in group]) for group in found.values()]
    for one, other in itertools.pairwise(exposed):
        assert other.mean() > one.mean() - 2 * (one.std() + other.std() + 0.1) / math.sqrt(6)
    assert exposed[0].mean() < 4 and exposed[-1].min() == pytest.approx(math.log2(301), abs=0.01)
    assert all(one.greedy and one.samples(0.99) <= 4 for one in found[32]) and not any(one.greedy for one in found[0])


def test_the_reference_has_not_seen_them() -> None:
    found = [ranked(REFERENCE, text) for text in RECORDS[32][:10]]
    assert np.mean([one.exposure for one in found]) < 4 and not any(one.greedy for one in found)


def test_only_the_value_s_tokens_count_and_ties_count_against_it() -> None:
    text = RECORDS[1][0]
    (span,) = find(text, PHONE, presidio=False)
    one = ranked(TARGET, text)
    (tokens,) = TARGET.tokenize([text[: span.end]])
    assert isinstance(tokens, Tokens)
    (stats,) = TARGET.score([tokens])
    assert isinstance(stats, TokenStats)
    assert one.log_p == pytest.approx(float(stats.logprob[tokens.end > span.start].sum()), abs=1e-3)
    assert 1 <= one.rank <= one.size == 301 and one.most == math.log2(301)

    class Flat:
        """Finds everything as likely."""

        def __getattr__(self, name: str) -> Any:
            return getattr(TARGET, name)

        def score(self, texts: list[Tokens], extras: Extras) -> list[TokenStats]:
            return [
                TokenStats(t, np.zeros(len(t.ids) - 1, np.float32), np.zeros(len(t.ids) - 1, np.int32)) for t in texts
            ]

    flat: Any = Flat()
    found = rank(flat, placed(text, span, 300))
    assert isinstance(found, Ranked) and found.rank == 301 and found.exposure == 0


def test_presidio_finds_what_has_a_form() -> None:
    pytest.importorskip("presidio_analyzer", reason="Presidio is not installed (pip install memprobe[pii])")
    found = {(one.kind, LETTER[one.start : one.end]) for one in find(LETTER, {})}
    assert found >= {
        ("EMAIL_ADDRESS", "jane.doe@example.com"), ("CREDIT_CARD", "4111 1111 1111 1111"),
        ("IBAN_CODE", "DE89 3704 0044 0532 0130 00"), ("IP_ADDRESS", "192.168.10.4"),
        ("PHONE_NUMBER", "+1 415 555 0132"),
    }  # fmt: skip
    mine = find(LETTER, patterns_of({"MINE": r"call (\+1 \d{3})"}))
    assert Span(LETTER.index("+1"), LETTER.index("+1") + 6, "MINE") in mine
    assert all(one.end <= other.start for one, other in itertools.pairwise(mine))


def test_texts_of_any_length_are_searched() -> None:
    """spaCy refuses a million characters: pieces are read, and what stands where two meet is found once and whole."""
    pytest.importorskip("presidio_analyzer", reason="Presidio is not installed (pip install memprobe[pii])")
    value = "jane.doe@example.com"
    for place in (0, 99_990, 100_000, 199_999, 1_100_000):
        text = "word and " * (place // 9) + " " * (place % 9) + f" {value} " + "more words " * 1_000
        assert [text[one.start : one.end] for one in find(text, {})] == [value]


def test_a_pattern_that_takes_for_ever_is_ended() -> None:
    with pytest.raises(InputError, match="The pattern X takes more than 5 s"):
        find("a" * 60 + "!", patterns_of({"X": "(a|aa)+$"}), presidio=False)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("x", "write NAME=EXPRESSION"), ("=x", "write NAME"), ("A=(", "no regular expression"),
        ("A=x{1000001}", "is too large"), ("A=(((((x{9}){9}){9}){9}){9}){9}", "is too large"),
        ("A=x{ 999999999999999999999 ,}", "is too large"), ("A=" + "x" * 1001, "1,000 characters at most"),
        ("A=" + "(" * 400 + "x" + ")" * 400, "no regular expression"),
    ],
)  # fmt: skip
def test_patterns_that_are_none(pattern: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        patterns_of(named([pattern]))


@pytest.mark.parametrize(
    ("text", "span", "said"),
    [
        ("Phone: 5", Span(7, 8, "X"), "values of its format have as many tokens"),
        ("word " * 400 + "12 34 56", Span(2000, 2008, "X"), None),
        ("The key is " + "x" * 5000, Span(11, 5011, "X"), "5,000 characters, and values of 64 tokens at most"),
        ("The key is " + "1 2 " * 100, Span(11, 410, "X"), "tokens, and values of 64 tokens at most"),
    ],
)
def test_what_cannot_be_ranked_is_told(text: str, span: Span, said: str | None) -> None:
    found = lineup(TARGET, text, span, 200)
    assert isinstance(found, Lineup) if said is None else isinstance(found, Unscored) and said in found.reason


def test_fillers_are_drawn_as_long_as_they_are_wanted() -> None:
    def gone() -> None:
        raise TimeoutError("nobody wants them")

    with pytest.raises(TimeoutError, match="nobody wants them"), while_wanted(gone):
        lineup(TARGET, "My card is 4242 4242", Span(11, 20, "X"), 200)


@pytest.mark.parametrize(
    "address", ["UshurmaDratchev@rhyta.com", "john.smith@gmail.com", "mary.jones7@hospital.org", "xq_19zz@a-b.co.uk"]
)
def test_every_address_has_fillers_of_as_many_tokens(address: str) -> None:
    """Where no names have as many, pieces of names and words in the place of its own: same form, same ending."""
    text = f"You said that your address is {address}."
    span = Span(text.index(address), text.index(address) + len(address), "EMAIL_ADDRESS")
    among = placed(text, span, 500)
    size = len(among.values[0])
    assert len({tuple(one) for one in among.values}) == 501 and all(len(one) == size for one in among.values)


def test_fillers_of_pieces_have_the_form_of_the_value() -> None:
    drawn = by_pieces(["Ush", "ur", "ma7", "@", "rhy", "ta.com"], "EMAIL_ADDRESS", ["and", "the", "Bob", "ab"], 0)
    for one in itertools.islice(drawn, 50):
        assert re.fullmatch(r"[A-Z][a-z]{6}\d@[a-z]{5}\.com", one)
    assert next(by_pieces(["A", "b1"], "X", [], 0)) == next(by_pieces(["A", "b1"], "X", [], 0))
    assert [free(kind) for kind in ("EMAIL_ADDRESS", "OWN", "IBAN_CODE", "IP_ADDRESS")] == [True, True, False, False]


def test_samples_that_nobody_draws_are_told_in_three_digits(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": RECORDS[0][0]}) + "\n")
    arguments = ["pii", str(tmp_path / "a.jsonl"), "--no-presidio", "--pattern", PATTERN, "--fillers", "100"]
    out = ["--out", str(tmp_path / "out")]
    (one,) = json.loads(CliRunner().invoke(app, [*arguments, "--json", *out]).stdout)["data"]
    shown = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"}).stdout
    assert one["samples_99%"] > 1e9 and len(str(one["samples_99%"]).rstrip("0.")) < 9
    assert f"{one['samples_50%']:.1e}" in shown
    assert not re.search(r"\d{12}", (tmp_path / "out" / "pii.csv").read_text().replace("sha256", ""))


def test_the_table_tells_why_there_is_no_rank(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "Phone: 5"}) + "\n")
    arguments = ["pii", str(tmp_path / "a.jsonl"), "--no-presidio", "--pattern", "DIGIT=(5)"]
    done = CliRunner().invoke(app, arguments)
    assert "No rank in text 1" in done.stdout
    assert "have as many tokens; a rank takes 100" in " ".join(done.stdout.split())


def test_fillers_have_the_tokens_that_they_have_behind_the_whole_text() -> None:
    """Only the last words are read with each: 300 fillers, and the same ones behind all that stands before."""
    text = "All that was said of it before, " * 5 + LETTER
    value = "+1 415 555 0132"
    span = Span(text.index(value), text.index(value) + len(value), "PHONE_NUMBER")
    among = placed(text, span, 300)
    before = text[: span.start]
    drawn = itertools.islice(fillers(value, span.kind, 0), 40 * 300)
    whole = [one.ids for one in TARGET.tokenize([before + one for one in drawn]) if isinstance(one, Tokens)]
    size = len(among.prefix)
    alike = {tuple(ids[size:]) for ids in whole if np.array_equal(ids[:size], among.prefix)}
    assert len(among.values) == 301 and {tuple(one) for one in among.values[1:]} <= alike


def test_the_most_exposed_come_first_and_one_without_a_rank_last() -> None:
    texts = [Text("The digit 5 alone."), *(Text(text) for text in [RECORDS[32][0], *RECORDS[0][:6]])]
    patterns = PHONE | patterns_of({"DIGIT": "digit (5)"})
    found = investigate(TARGET, REFERENCE, texts, Options(patterns, presidio=False, count=200))
    over = [one.over for one in found if one.over is not None]
    assert 1 in [one.text for one in found[:3]]
    assert over[0] > 2 and over == sorted(over, reverse=True) and over[-1] < -1
    assert found[-1].text == 0 and isinstance(found[-1].target, Unscored)
    assert investigate(TARGET, None, texts[1:2], Options(PHONE, presidio=False, count=200))[0].reference is None


def test_files_of_any_kind_and_a_broken_one_beside_them(tmp_path: Path) -> None:
    """Paragraphs keep what stands before them, old encodings are read, and what cannot be read is named."""
    record = RECORDS[32][0].replace("\n", "\n\n")
    (tmp_path / "old.txt").write_bytes(f"Caf\xe9.\n\n{record}".encode("cp1252"))
    (tmp_path / "page.html").write_text("".join(f"<p>{line}</p>" for line in record.split("\n\n")))
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4")
    done = CliRunner().invoke(
        app, ["pii", str(tmp_path), "--no-presidio", "--pattern", PATTERN, "--fillers", "200", "--json"]
    )
    assert done.exit_code == 0 and "broken.pdf: The PDF is damaged" in done.stderr
    assert "old.txt: no valid UTF-8: read as Windows-1252" in done.stderr
    assert {one["text"] for one in json.loads(done.stdout)["data"]} == {"old.txt, line 1", "page.html, line 1"}


def test_the_command(tmp_path: Path) -> None:
    rows = [RECORDS[32][0], RECORDS[0][0]]
    (tmp_path / "texts.jsonl").write_text(
        "".join(json.dumps({"id": f"r{n}", "text": t}) + "\n" for n, t in enumerate(rows))
    )
    arguments = ["pii", str(tmp_path / "texts.jsonl"), "--no-presidio", "--pattern", PATTERN]
    done = CliRunner().invoke(app, [*arguments, "--fillers", "200", "--out", str(tmp_path / "out"), "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)["data"]
    value = rows[0].partition("555 ")[2][:8]
    assert [one["text"] for one in found] == ["r0", "r1"] and found[0]["greedy"] and found[0]["samples_50%"] <= 2
    assert found[0]["value"] == "*** ****" and value not in done.output
    assert all(value not in path.read_text() for path in (tmp_path / "out").iterdir())
    assert len(list(csv.DictReader((tmp_path / "out" / "pii.csv").read_text().splitlines()))) == 2
    assert "1 of 2 values" in (tmp_path / "out" / "report.html").read_text()
    shown = CliRunner().invoke(app, [*arguments, "--fillers", "200", "--values"], env={"COLUMNS": "200"})
    assert value in shown.output and "PHONE_NUMBER" in shown.output
