"""The report: complete, self-contained, and without a text of any canary."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from probe.audit.picture import svg
from probe.canaries.judge import CanaryResult, judge_canaries
from probe.canaries.plots import chance, exposures
from probe.canaries.report import write
from probe.canaries.show import as_dict
from probe.canaries.show import canaries as show
from tests.canaries.conftest import Read


@pytest.fixture(scope="module")
def result(read: Read) -> CanaryResult:
    found = judge_canaries(read.target, read.reference, read.planting)
    return replace(found, left_out=(("<b>&0", "the text is <i>empty"),))


@pytest.fixture(scope="module")
def folder(result: CanaryResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "deep"
    assert [file.name for file in write(result, path)] == sorted(file.name for file in path.iterdir())
    return path


def test_every_file_is_there_and_holds_no_text(folder: Path, read: Read) -> None:
    assert {path.name for path in folder.iterdir()} == {"canaries.json", "exposure.png", "exposure.svg", "report.html"}
    secret = json.loads((read.folder / "secret.json").read_text())
    for path in folder.iterdir():
        content = path.read_bytes()
        assert secret["key"].encode() not in content
        assert not any(text.encode() in content for canary in read.planting.canaries for text in canary.texts)


def test_the_report_needs_nothing_else(folder: Path, result: CanaryResult) -> None:
    text = (folder / "report.html").read_text()
    (source,) = re.findall(r'(?:src|href)="([^"]*)"', text)
    picture = ElementTree.fromstring(base64.b64decode(source.removeprefix("data:image/svg+xml;base64,")))
    assert picture.get("role") == "img" and "default-src 'none'" in text and "<script" not in text
    assert re.search(r'<img [^>]*alt="Exposure of each canary\. Exposure of 6 canaries in bits', text)
    assert result.verdict.reason in text and result.commitment in text and "memprobe canaries: member" in text
    assert "&lt;b&gt;&amp;0: the text is &lt;i&gt;empty" in text and "<i>" not in text
    assert all(f">{one.id}</th><td>{one.rank}</td><td>100</td>" in text for one in result.ranked)
    assert 'class="caution"' not in text and result.fingerprint.target in text


def test_the_json_is_strict(folder: Path, result: CanaryResult) -> None:
    found = json.loads((folder / "canaries.json").read_text(), parse_constant=pytest.fail)
    assert found == json.loads(json.dumps(as_dict(result)))
    assert found["canaries"][0].keys() == {
        "id", "rank", "of", "p_value", "exposure", "value", "unscored_alternatives",
    }  # fmt: skip


def test_what_chance_gives() -> None:
    low, mean, high = chance([1000] * 9)
    assert (low <= mean).all() and (mean <= high).all() and (np.diff(mean) < 0).all()
    assert mean[4] == pytest.approx(1.0, abs=0.15)  # the median rank is in the middle: one bit
    assert chance([2])[1][0] == pytest.approx(0.5, abs=0.05)


def test_many_canaries_and_few(result: CanaryResult, capsys: pytest.CaptureFixture[str]) -> None:
    many = tuple(replace(result.ranked[0], id=f"c{number}", rank=1 + number) for number in range(50))
    assert "Exposure of 50 canaries" in exposures(many).description
    show(replace(result, ranked=many))
    said = " ".join(capsys.readouterr().out.split())
    assert "20 more ranked lower" in said and "Not counted: <b>&0: the text is <i>empty." in said
    odd = replace(result.ranked[0], id="a $b$ \\frac\n\u6f22" + "x" * 40)
    assert "a $b$ \\frac ?xx" in svg(exposures([odd])) and "Exposure of 1 canaries" in exposures([odd]).description
