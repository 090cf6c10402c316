"""What a record holds, and what it is read back from."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from probe.calibration.file import content_hash, load
from probe.calibration.store import save
from probe.data.hashed import text_hash
from probe.data.read import Unreadable
from probe.errors import InputError
from probe.pipeline import Probe
from probe.prepared import Options
from probe.provenance.read import load_records, read_records
from probe.provenance.record import Record, Sources, answer, batch_of, record_all
from probe.types import Text

SENTENCE = "The option must be given before the first call, or an error is raised for every file."
TEXTS = [Text(SENTENCE, "a"), Text(""), Text("lost \ud800 half", "c")]


def records(demo: Probe, texts: list[Text] = TEXTS, *, with_texts: bool = True) -> list[Record]:
    results = demo(texts, scores=["loss"], alpha=0.05)
    options = Options(frozenset({"loss"}), 0.05)
    return record_all(demo, texts, results, options, Sources("demo"), with_texts=with_texts)


def test_it_holds_what_repeating_takes(demo: Probe) -> None:
    first, empty, lost = records(demo)
    one = first.provenance
    assert demo.calibration
    assert one.text_sha256 == "sha256:" + sha256(SENTENCE.encode()).hexdigest() and one.text == SENTENCE
    assert one.fingerprint == demo.fingerprint and one.fingerprint.versions["numpy"] == np.__version__
    assert one.calibration and one.calibration.sha256 == content_hash(demo.calibration)
    assert (one.scores, one.alpha, one.sources.target, one.batch.size) == (("loss",), 0.05, "demo", 3)
    assert empty.result["error"] and lost.provenance.text is None and lost.provenance.text_sha256
    assert "text" not in first.as_dict(with_text=False)["provenance"]


def test_white_space_around_a_text_is_not_part_of_its_hash() -> None:
    assert text_hash(f" {SENTENCE}\n") == text_hash(SENTENCE) != text_hash(SENTENCE + "!")


def test_a_batch_is_known_in_any_order() -> None:
    assert batch_of(["a", "b", "b"]) == batch_of(["b", "a", "b"]) != batch_of(["a", "b"])
    assert batch_of(["a", "b", "c"]) == batch_of(["c", "b", "a"]) != batch_of(["a", "a", "c"])


@pytest.mark.parametrize("form", ["lines", "list", "one"])
def test_records_are_read_back_as_they_were(demo: Probe, form: str) -> None:
    written = records(demo)[: 1 if form == "one" else 3]
    rows = [record.as_dict() for record in written]
    whole = {"lines": "\n".join(map(json.dumps, rows)), "list": json.dumps(rows), "one": json.dumps(rows[0], indent=2)}
    read = list(read_records(whole[form].encode(), "results"))
    assert [row.as_dict() for row in read if isinstance(row, Record)] == rows
    assert [row.provenance for row in read if isinstance(row, Record)] == [row.provenance for row in written]


def test_a_service_s_answer_holds_the_same_records(demo: Probe) -> None:
    options = Options(frozenset({"loss"}), 0.05)
    results = demo(TEXTS, scores=["loss"], alpha=0.05)
    whole = {"object": "probe", **answer(demo, TEXTS, results, options, Sources("demo"))}
    read = list(read_records(json.dumps(whole).encode(), "answer"))
    assert [row.as_dict() for row in read if isinstance(row, Record)] == [
        row.as_dict() for row in records(demo, with_texts=False)
    ]
    del whole["results"][1]["text_sha256"]
    whole["results"].append("no result")
    kinds = [type(row) for row in read_records(json.dumps(whole).encode(), "answer")]
    assert kinds == [Record, Unreadable, Record, Unreadable]


def test_what_is_no_record_is_told_and_its_neighbours_stand(demo: Probe, tmp_path: Path) -> None:
    good = records(demo)[0].as_dict()
    plain = {name: value for name, value in good.items() if name != "provenance"}
    wrong = good | {"provenance": good["provenance"] | {"alpha": "0.05"}}
    newer = good | {"provenance": good["provenance"] | {"version": 2}}
    lines = [json.dumps(row) for row in (good, plain, wrong, newer)]
    path = tmp_path / "results.jsonl"
    path.write_text("\n".join([*lines, "{broken", lines[0].replace('"index": 0', '"index": NaN')]))
    found = load_records(path)
    assert isinstance(found[0], Record)
    reasons = [row.reason for row in found[1:] if isinstance(row, Unreadable)]
    for reason, words in zip(
        reasons, ("no provenance", "provenance.alpha", "version 2", "invalid JSON", "NaN"), strict=True
    ):
        assert words in reason
    with pytest.raises(InputError, match="no result"):
        list(read_records(b" \n", "empty"))
    with pytest.raises(InputError, match="not UTF-8"):
        list(read_records(b"\xff", "bytes"))
    with pytest.raises(InputError, match="cannot be read"):
        load_records(tmp_path)


def test_a_calibration_s_hash_is_of_its_content(demo: Probe, tmp_path: Path) -> None:
    found = demo.calibration
    assert found
    stored = load(save(replace(found, name="other"), tmp_path))
    assert content_hash(stored) == content_hash(found)
    nudged = found.nonmembers.copy()
    nudged[0] = np.nextafter(nudged[0], -np.inf)
    for changed in (replace(found, nonmembers=nudged), replace(found, basis="another"), replace(found, sentinels=())):
        assert content_hash(changed) != content_hash(found)
