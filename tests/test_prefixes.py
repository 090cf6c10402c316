"""Prefixes of known texts: what recall and conrecall read, on the embedded target."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from probe import open_probe
from probe.cli import app
from probe.errors import InputError
from probe.pipeline import Probe
from tests.contract import expected

OTHERS = ["My grandmother baked plum cakes every September.", "A fox crossed the frozen lake before the first light."]
KNOWN = ["Return the number of items in the queue.", "If the file does not exist, it is made."]
TEXTS = ["The iterator yields each key once, and then it stops.", "Two words", "The default is used if none is given."]
SCORES = ["recall", "conrecall", "loss"]


@pytest.fixture(scope="module")
def opened() -> Probe:
    return open_probe(prefixes={"nonmembers": OTHERS, "members": KNOWN})


def loss(probe: Probe, text: str, prefix: list[str]) -> float:
    """L(x | P) by transformers, one row, float64."""
    before, tokens = probe.target.tokenize([" ".join(prefix), text])
    return -float(expected(tokens, probe.target.context, tuple(before.ids.tolist()))["logprob"].mean())  # type: ignore


def test_the_scores_are_those_of_the_text_behind_the_prefix(opened: Probe) -> None:
    for text, result in zip(TEXTS, opened(TEXTS, scores=SCORES), strict=True):
        alone, non, mem = -result.scores["loss"].value, loss(opened, text, OTHERS), loss(opened, text, KNOWN)  # type: ignore
        assert result.scores["recall"].value == pytest.approx(non / alone, abs=1e-4)
        assert result.scores["conrecall"].value == pytest.approx((non - 0.5 * mem) / alone, abs=1e-4)


def test_a_text_of_the_prefix_is_not_scored_behind_itself(opened: Probe) -> None:
    found = opened([*OTHERS, KNOWN[0], TEXTS[0]], scores=SCORES)
    reasons = [result.scores["recall"].reason for result in found]
    assert [reason is None for reason in reasons] == [False, False, True, True]
    assert reasons[0] == "it shares a run of 7 words with the prefix"
    assert "with the prefix" in str(found[2].scores["conrecall"].reason)
    assert all(result.scores["loss"].value is not None for result in found)


def test_company_does_not_matter(opened: Probe) -> None:
    together = opened([*TEXTS, OTHERS[0], "", *TEXTS], scores=SCORES)
    for text, one, other in zip(TEXTS, together[:3], together[5:], strict=True):
        (alone,) = opened(text, scores=SCORES)
        for name in SCORES:
            assert one.scores[name].value == pytest.approx(alone.scores[name].value, abs=1e-5)
            assert other.scores[name].value == pytest.approx(alone.scores[name].value, abs=1e-5)


def test_without_a_prefix_the_reason_names_the_remedy(demo: Probe) -> None:
    (result,) = demo(TEXTS[:1], scores=SCORES)
    assert "--prefix, MEMPROBE_PREFIX" in str(result.scores["recall"].reason)
    assert result.scores["recall"] == result.scores["conrecall"]


def test_as_many_texts_as_fit_are_taken_and_named_in_the_fingerprint(opened: Probe) -> None:
    longer = open_probe(prefixes={"nonmembers": OTHERS * 40})
    limit = opened.target.context // 2
    assert limit // 2 < len(longer.setup.prefixes.ids["nonmembers"]) <= limit
    hashes = opened.fingerprint.prefixes
    assert set(hashes) == {"nonmembers", "members"} and hashes != longer.fingerprint.prefixes
    with pytest.raises(InputError, match="begin with a shorter one"):
        open_probe(prefixes={"members": [KNOWN[0] * 40]})


def test_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMPROBE_HOME", str(tmp_path / "home"))
    file = tmp_path / "others.jsonl"
    file.write_text("".join(f'"{text}"\n' for text in OTHERS))
    found = CliRunner().invoke(app, ["probe", TEXTS[0], "--scores", "recall", "--prefix", str(file), "--json"])
    assert found.exit_code == 0 and '"recall": {"value": ' in found.stdout
    file.write_text("not JSON\n")
    with pytest.raises(InputError, match="row 1: invalid JSON"):
        CliRunner().invoke(app, ["probe", TEXTS[0], "--prefix", str(file)], catch_exceptions=False)
