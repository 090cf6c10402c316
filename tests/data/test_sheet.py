"""No cell of a CSV is run by a spreadsheet, and every one can be read again."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.data.sheet import write_csv

ROOT = Path(__file__).parents[2] / "probe"


def read(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("text", ["=1+2", "+1", "-x", "@SUM(1)", "\t=1", "\r=1", "\n=1", "'=1", "\uff1d1"])
def test_formulas_are_text(text: str, tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [text, "b"], [[text, -1.5], ["plain '=1", None]])
    assert read(tmp_path / "a.csv") == [[f"'{text}", "b"], [f"'{text}", "-1.5"], ["plain '=1", ""]]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, unique=True))
def test_one_apostrophe_less_gives_every_text_back(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.mktemp("sheet") / "a.csv"
    write_csv(path, ["id", "n"], ([text, 0] for text in texts))
    found = [row[0] for row in read(path)[1:]]
    assert [re.sub(r"^'(?='*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])", "", one) for one in found] == texts


def test_nobody_writes_csv_otherwise() -> None:
    writers = {path.name for path in ROOT.rglob("*.py") if re.search(r"csv\.(writer|DictWriter)", path.read_text())}
    assert writers == {"sheet.py", "locate.py"}  # the latter what the package ships: places and hashes
