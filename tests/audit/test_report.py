"""The report and its files: complete, self-contained, readable without seeing, and free of texts."""

from __future__ import annotations

import base64
import csv
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from probe.audit.evaluate import Evaluation
from probe.audit.files import as_dict, write
from probe.audit.gate import Outcome
from probe.audit.labelled import Entry
from probe.audit.picture import svg
from probe.audit.plots import plots

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def folder(tiny_evaluation: Evaluation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "deep" / "er"
    write(tiny_evaluation, path, [Outcome(False, "ref: too <high>")])
    return path


def test_every_file_is_there(folder: Path) -> None:
    pictures = {f"{name}.{ending}" for name in ("roc", "histogram", "correlation") for ending in ("svg", "png")}
    assert {path.name for path in folder.iterdir()} == pictures | {"evaluation.json", "scores.csv", "report.html"}
    for path in folder.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG\r\n")


def test_no_text_is_in_any_file(folder: Path, passages: list[Entry]) -> None:
    for path in folder.iterdir():
        content = path.read_bytes()
        assert all(entry.text.text.encode() not in content for entry in passages), path.name


@pytest.mark.parametrize("name", ["roc", "histogram", "correlation"])
def test_pictures_say_what_they_show_and_follow_the_page(folder: Path, name: str) -> None:
    text = (folder / f"{name}.svg").read_text()
    root = ElementTree.fromstring(text)
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert root.get("role") == "img" and title is not None and title.text
    assert description is not None and description.text and re.search(r"\d\.\d", description.text)
    assert "prefers-color-scheme:dark" in text and "#000000" not in text and "currentColor" in text
    assert len(root.findall(f".//{SVG}text")) > 5  # words, not outlines
    assert not root.findall(f".//{SVG}image")  # nothing is a raster


def test_pictures_are_the_same_every_time(tiny_evaluation: Evaluation, folder: Path) -> None:
    for plot in plots(tiny_evaluation):
        assert svg(plot) == (folder / f"{plot.name}.svg").read_text()


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_report_needs_nothing_else(folder: Path) -> None:
    text = (folder / "report.html").read_text()
    page = Page()
    page.feed(text)
    used = {value for tag, attributes in page.tags for name, value in attributes.items() if name in ("src", "href")}
    assert len(used) == 3 and all(str(source).startswith("data:image/svg+xml;base64,") for source in used)
    for source in used:
        ElementTree.fromstring(base64.b64decode(str(source).partition(",")[2]))
    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.tags} and "default-src 'none'" in text
    assert all(attributes.get("alt") for tag, attributes in page.tags if tag == "img")


def test_the_report_says_what_was_measured(folder: Path, tiny_evaluation: Evaluation) -> None:
    text = (folder / "report.html").read_text()
    assert f"{tiny_evaluation.figures['ref'].auc:.3f}" in text and "words alone (blind)" in text
    assert text.count("<small>blind ") == 3 * 5  # beside every figure of the three scores that there are
    assert "ref: too &lt;high&gt;" in text and "row 3: &lt;i&gt;" in text and "<i>" not in text
    assert tiny_evaluation.fingerprint.target in text and tiny_evaluation.data in text
    assert "Score dcpdd: no token frequencies" in text


def test_a_caution_stands_on_top(tiny_evaluation: Evaluation, tmp_path: Path) -> None:
    blind = replace(tiny_evaluation.blind, auc=tiny_evaluation.figures["loss"].auc)
    write(replace(tiny_evaluation, blind=blind), tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert 0 < text.index("none of the figures shows anything about membership") < text.index("members and")


def test_the_json_is_strict_and_the_csv_has_a_row_per_text(folder: Path, tiny_evaluation: Evaluation) -> None:
    found = json.loads((folder / "evaluation.json").read_text(), parse_constant=pytest.fail)
    assert found == json.loads(json.dumps(as_dict(tiny_evaluation, [Outcome(False, "ref: too <high>")])))
    assert found["scores"]["ref"]["tpr"][1]["value"] is None and "1,000" in found["scores"]["ref"]["tpr"][1]["reason"]
    assert found["scores"]["dcpdd"]["unscored"]["Cannot score: the text is empty."] == 1
    with (folder / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 121 and list(rows[0]) == ["id", "label", "blind", "loss", "dcpdd", "ref", "calibrated"]
    assert rows[0]["id"] == "<b>&0" and rows[0]["label"] == "1" and rows[-1]["loss"] == ""
    assert float(rows[0]["loss"]) == tiny_evaluation.scores["loss"][0].value


def test_curves_that_are_one_and_the_same_share_a_name(tiny_evaluation: Evaluation) -> None:
    """Of two that lie on each other the upper one hid the lower."""
    one = tiny_evaluation.compared[0]
    scores = {**tiny_evaluation.scores, **dict.fromkeys(("a", "b"), tiny_evaluation.scores[one])}
    figures = {**tiny_evaluation.figures, **dict.fromkeys(("a", "b"), tiny_evaluation.figures[one])}
    found = replace(tiny_evaluation, scores=scores, figures=figures, compared=("a", "b"))
    drawn = svg(next(plot for plot in plots(found) if plot.name == "roc"))
    assert "a = b " in drawn and drawn.count("a = b ") == 1
