"""Token frequencies of a corpus: counted, smoothed, kept per tokenizer, refused where they are another's."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from probe import open_probe
from probe.cli import app
from probe.config import Settings
from probe.data.frequencies import Frequencies, count, load, save
from probe.errors import InputError
from probe.pipeline import Probe
from probe.types import Tokens

TEXTS = ["Return the list.", "Return the number of items.", "", "The list is returned."]


def test_counts_are_those_of_the_tokens_without_bos(demo: Probe) -> None:
    found = count(demo.target, TEXTS * 100, "mine")
    expected: Counter[int] = Counter()
    for tokens in demo.target.tokenize(TEXTS):
        if isinstance(tokens, Tokens):
            expected.update(tokens.ids[1:].tolist())
    assert {n: int(c) for n, c in enumerate(found.counts) if c} == {n: 100 * c for n, c in expected.items()}
    with pytest.raises(InputError, match="no text to count in nothing"):
        count(demo.target, [""], "nothing")


def test_rarity_is_smoothed_and_normalised() -> None:
    found = Frequencies(np.array([0, 7, 91]), "c", "t")
    shares = np.exp(-found.rarity(np.arange(3, dtype=np.int32)))
    np.testing.assert_allclose(shares, [1 / 101, 8 / 101, 92 / 101])
    assert (found.rarity(np.arange(3, dtype=np.int32)) > 0).all()  # raw counts would give log(1/n) < 0


def test_kept_per_tokenizer(demo: Probe, tmp_path: Path) -> None:
    assert load(demo.target, tmp_path) is None
    found = count(demo.target, TEXTS, "mine")
    path = save(found, tmp_path)
    again = load(demo.target, tmp_path)
    assert again and again.corpus == "mine" and again.hash == found.hash
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(InputError, match="does not belong to this tokenizer"):
        save(replace(found, counts=found.counts[:-1]), tmp_path)
        load(demo.target, tmp_path)
    path.write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"broken .* memprobe frequencies"):
        load(demo.target, tmp_path)


def test_made_once_on_the_command_line_dcpdd_has_a_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMPROBE_HOME", str(tmp_path / "home"))
    text = "The iterator yields each key once, and then it stops."
    (before,) = open_probe()(text, scores=["dcpdd"])
    assert before.scores["dcpdd"].value is None
    corpus = tmp_path / "corpus.txt"
    corpus.write_text(text * 20)
    made = CliRunner().invoke(app, ["frequencies", str(corpus)])
    assert made.exit_code == 0 and "tokens of corpus.txt" in made.stdout
    probe = open_probe()
    (after,) = probe([text], scores=["dcpdd"])
    assert after.scores["dcpdd"].value and 0 < after.scores["dcpdd"].value <= 0.01
    found = load(probe.target, Settings().frequencies)
    assert found and probe.fingerprint.frequencies == found.hash
