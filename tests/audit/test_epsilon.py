"""A training whose texts were drawn by coins: drawn fairly, read back, and bounded from below."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from probe.audit.coins import HELD_OUT, TRAIN, draw, read_drawn
from probe.audit.epsilon import _check_fair
from probe.cli import app
from probe.errors import InputError
from probe.shadow.make import make
from probe.shadow.recipe import Recipe
from probe.types import Text
from tests.shadow.test_adapt import REFERENCE
from tests.shadow.test_fleet import DISTINCT


def ids(path: Path) -> list[str]:
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


def run(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["audit", *arguments])
    return done.exit_code, done.stdout, str(done.exception)


def test_each_text_is_on_one_side_by_its_own_coin(tmp_path: Path) -> None:
    texts = [Text(text, f"t{n}") for n, text in enumerate(DISTINCT[:200])]
    sides = []
    for number in range(2):
        taken, left_out = draw([*texts, texts[0], Text(" ")], tmp_path / str(number))
        train, held_out = (ids(tmp_path / str(number) / name) for name in (TRAIN, HELD_OUT))
        assert not set(train) & set(held_out) and len(train + held_out) + left_out == len(texts) + 2
        assert len(train + held_out) > 190 and left_out >= 2 and "t0" in train + held_out
        assert taken == len(train) and 0.3 < taken / len(texts) < 0.7
        sides.append(set(train))
    assert 0.3 < len(sides[0] & sides[1]) / len(sides[0]) < 0.7  # another draw takes others
    with pytest.raises(InputError, match="is there already"):
        draw(texts, tmp_path / "0")
    with pytest.raises(InputError, match="at least 20"):
        draw(texts[:9], tmp_path / "few")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 300 texts, and beside it a model that was trained on those that were taken."""
    folder = tmp_path_factory.mktemp("epsilon")
    path = folder / "texts.jsonl"
    path.write_text("".join(json.dumps({"id": f"t{n}", "text": text}) + "\n" for n, text in enumerate(DISTINCT[:300])))
    code, said, error = run("draw", str(path), "--out", str(folder / "drawn"))
    assert code == 0 and "Train on the" in said, error
    texts = [entry.text.text for entry in read_drawn(folder / "drawn").entries if entry.member]
    make(REFERENCE, texts, Recipe(epochs=4, rate=2e-3, tokens=512, muon=True), folder / "model")
    return folder


def epsilon(drawn: Path, model: Path | str, *more: str) -> tuple[int, str, str]:
    models: Sequence[str] = ("--target", str(model), "--reference", REFERENCE)
    return run("epsilon", str(drawn / "drawn"), *models, *more)


def test_a_training_that_promises_too_much_is_found_out(drawn: Path, tmp_path: Path) -> None:
    code, said, error = epsilon(
        drawn, drawn / "model", "--score", "loss", "--promised", "0.5", "--json", "--out", str(tmp_path / "out")
    )
    assert code == 3, error
    found = json.loads(said)
    assert found["shown"]["one_run"] > 1 and found["broken"] and found["score"] == "loss" and found["texts"] > 290
    assert json.loads((tmp_path / "out" / "epsilon.json").read_text()) == found
    assert (tmp_path / "out" / "report.html").is_file()


def test_a_model_that_saw_none_of_them_shows_nothing(drawn: Path) -> None:
    code, said, error = epsilon(drawn, REFERENCE, "--promised", "0.5", "--score", "loss")
    assert code == 0 and "epsilon is at least 0.0" in said and "does not prove it" in said, error


def test_a_score_that_one_side_lacks_is_refused() -> None:
    member = np.arange(40) < 20
    _check_fair("lira", np.ones(40, bool), member)
    _check_fair("lira", np.arange(40) % 20 > 0, member)  # one of each side
    with pytest.raises(InputError, match="lacking for 0 of the texts that were trained on and for 10 of the others"):
        _check_fair("lira", np.arange(40) < 30, member)


def test_what_is_wrong_is_named(drawn: Path, tmp_path: Path) -> None:
    assert "draw the texts first" in run("epsilon", str(tmp_path))[2]
    assert "No score named x" in epsilon(drawn, REFERENCE, "--score", "x")[2]
    assert "has no values" in epsilon(drawn, REFERENCE, "--score", "lira")[2]
