"""A whole scan in this process: order, ids, q-values over all rows, the files, and what goes wrong on the way."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from probe.calibration.conformal import q_values_of
from probe.data.hashed import text_hash
from probe.demo.locate import find, marks
from probe.errors import InputError, StoreError
from probe.models.local import LocalEngine
from probe.pipeline import Probe
from probe.provenance.record import Sources
from probe.scans import alone
from probe.scans.database import Database
from probe.scans.desk import Desk
from probe.scans.nouns import Done, Scan
from probe.scans.options import ScanOptions, of_metadata
from probe.scans.source import Source
from probe.scans.store import Store
from probe.scans.worker import Worker
from tests.tiny import ASSETS

CHOSEN = ScanOptions(whole=False)


def texts(count: int) -> list[dict[str, Any]]:
    return [{"id": f"r{n}", "text": f"Line {n} of this list names option {n * 7 % 31}."} for n in range(count)]


def written(path: Path, rows: list[Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def scanned(probe: Probe, source: str, out: Path, options: ScanOptions = CHOSEN) -> Scan:
    return alone.scan(source, out, "demo", lambda: probe, options, Sources(), lambda scan, done: None, every=0.05)


def known() -> list[dict[str, Any]]:
    """150 texts of the demo calibration's kind: members and not, in random order, then some of its own non-members."""
    marked = [
        mark for mark in marks() if mark.role in ("member", "nonmember") and mark.split in ("test", "calibration")
    ]
    found = sorted(find(marked).items(), key=lambda item: item[1])
    random.Random(0).shuffle(found)
    tested = [text for mark, text in found if mark.split == "test"][:130]
    own = [text for mark, text in found if (mark.split, mark.role) == ("calibration", "nonmember")][:20]
    return [{"id": f"r{n}", "text": text} for n, text in enumerate(tested + own)]


@pytest.fixture(scope="module")
def done(demo: Probe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 texts, of which a few cannot be scored; shards are of 64 rows."""
    folder = tmp_path_factory.mktemp("scan")
    rows: list[Any] = known()
    rows[10], rows[100], rows[149] = {"id": "empty", "text": ""}, {"id": 100}, {"id": "r3", "text": "an id again"}
    assert scanned(demo, written(folder / "in.jsonl", rows), folder / "out").status == "completed"
    return folder / "out"


def test_each_row_stands_once_in_order_under_its_id(done: Path) -> None:
    output, errors = lines(done / "output.jsonl"), lines(done / "errors.jsonl")
    assert [row["row"] for row in output] == [n for n in range(1, 151) if n not in (11, 101, 150)]
    assert [row["id"] for row in output] == [f"r{row['row'] - 1}" for row in output]
    assert [(row["row"], row["id"]) for row in errors] == [(11, "empty"), (101, "100"), (150, "r3")]
    assert all(row["error"] for row in errors)


def test_q_values_are_those_of_all_rows_together_whose_p_values_stand(done: Path) -> None:
    output = lines(done / "output.jsonl")
    stand = [row for row in output if "fail" not in row["gates"].values() and row["verdict"] != "out_of_distribution"]
    assert 60 < len(stand) < 135 and not {row["row"] for row in stand} & set(range(131, 151))
    expected = q_values_of(Counter(row["p_value"] for row in stand))
    numbers = {row["row"] for row in stand}
    assert [row["q_value"] for row in output] == [
        expected[row["p_value"]] if row["row"] in numbers else None for row in output
    ]
    decision = json.loads((done / "summary.json").read_text())["decision"]
    chosen = [row for row in stand if row["q_value"] <= decision["q"]]
    assert decision["tested"] == len(stand) and decision["selected"] == len(chosen) > 5
    assert f"{len(chosen)} of {len(stand)} texts are selected" in decision["said"]


def test_of_texts_whose_gates_fail_none_is_selected(demo: Probe, tmp_path: Path) -> None:
    """Known texts of the calibration itself, too few for the blind gate: low p-values say nothing about them."""
    rows = [row for row in known() if int(row["id"][1:]) >= 130]
    scanned(demo, written(tmp_path / "in.jsonl", rows), tmp_path / "out")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["decision"]["selected"] == summary["decision"]["tested"] == 0
    assert "The p-value of no text stands" in summary["decision"]["said"]


def test_a_row_says_what_the_library_says_of_its_text(done: Path, demo: Probe) -> None:
    rows = [row for row in known() if row["id"] == "r42"]
    (alone_,) = demo([row["text"] for row in rows])
    found = next(row for row in lines(done / "output.jsonl") if row["id"] == "r42")
    assert alone_.verdict and found["p_value"] == alone_.verdict.p_value
    assert {name: score.value for name, score in alone_.scores.items()} == {
        name: pytest.approx(score["value"], abs=1e-5) if score["value"] is not None else None
        for name, score in found["scores"].items()
    }
    assert found["provenance"]["text_sha256"] == text_hash(rows[0]["text"])
    assert (
        found["provenance"]["batch"]["size"] == 148
    )  # texts: of the row without one, and of the id given twice, there is none


def test_parts_hold_the_same_with_provenance_of_their_own(done: Path) -> None:
    parts = [pq.read_table(path) for path in sorted((done / "parts").glob("*.parquet"))]
    assert [part.num_rows for part in parts] == [64, 64, 22]
    rows = [row for part in parts for row in part.to_pylist()]
    assert [row["row"] for row in rows] == list(range(1, 151))
    by_row = {row["row"]: row for row in lines(done / "output.jsonl")}
    for row in rows:
        assert (row["error"] is None) == (row["row"] in by_row)
        assert row["q_value"] == (by_row[row["row"]]["q_value"] if row["row"] in by_row else None)
    assert all(json.loads(part.schema.metadata[b"memprobe"])["fingerprint"] for part in parts)


def test_the_summary_counts_what_the_files_hold(done: Path) -> None:
    summary = json.loads((done / "summary.json").read_text())
    assert summary["rows"] == 150 and sum(summary["verdicts"].values()) == 147
    assert summary["verdicts"] == dict(Counter(row["verdict"] for row in lines(done / "output.jsonl")))
    assert sum(summary["errors"].values()) == 3 and sum(summary["p_values"]) == summary["decision"]["tested"]


def test_nothing_else_is_left_in_the_folder(done: Path) -> None:
    assert {path.name for path in done.iterdir()} >= {"output.jsonl", "errors.jsonl", "summary.json", "parts"}
    assert not (done / "scans").exists()


def test_the_same_call_again_opens_no_model(done: Path) -> None:
    def never() -> Probe:
        raise AssertionError("there is nothing to score")

    source = str(done.parent / "in.jsonl")
    found = alone.scan(source, done, "demo", never, CHOSEN, Sources(), lambda scan, done: None)
    assert found.status == "completed"


def test_another_scan_does_not_go_into_the_same_folder(done: Path, demo: Probe) -> None:
    with pytest.raises(InputError, match="name another folder"):
        scanned(demo, str(done.parent / "in.jsonl"), done, replace(CHOSEN, alpha=0.05))


def test_an_input_that_cannot_be_read_leaves_no_scan(demo: Probe, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column"):
        (tmp_path / "in.csv").write_text("content\nx\n")
        scanned(demo, str(tmp_path / "in.csv"), tmp_path / "out")
    (tmp_path / "in.csv").write_text("text\nThe same folder takes the file once it is mended.\n")
    assert scanned(demo, str(tmp_path / "in.csv"), tmp_path / "out").status == "completed"


def test_what_an_interrupt_left_is_gone_on_with(demo: Probe, tmp_path: Path) -> None:
    source, out = written(tmp_path / "in.jsonl", texts(400)), tmp_path / "out"

    def interrupt(scan: Scan, done: Done) -> None:
        if done.good:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        alone.scan(source, out, "demo", lambda: demo, CHOSEN, Sources(), interrupt, every=0.01)
    assert not (out / "output.jsonl").exists()
    assert scanned(demo, source, out).status == "completed"
    assert [row["row"] for row in lines(out / "output.jsonl")] == list(range(1, 401))


def test_a_folder_that_cannot_be_made_is_named(demo: Probe, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be opened"):
        scanned(demo, written(tmp_path / "in.jsonl", texts(1)), tmp_path / "file" / "out")


def test_another_file_under_the_same_name_is_another_scan(demo: Probe, tmp_path: Path) -> None:
    source, out = written(tmp_path / "in.jsonl", texts(3)), tmp_path / "out"
    scanned(demo, source, out)
    assert scanned(demo, source, out).status == "completed"
    written(tmp_path / "in.jsonl", texts(2))
    with pytest.raises(InputError, match="another file than"):
        scanned(demo, source, out)


def test_other_models_are_another_scan(demo: Probe, tmp_path: Path) -> None:
    source, out = written(tmp_path / "in.jsonl", texts(3)), tmp_path / "out"
    scanned(demo, source, out)
    with pytest.raises(InputError, match="by other models"):
        alone.scan(source, out, "demo", lambda: demo, CHOSEN, Sources(reference="other"), lambda *_: None, every=0.05)
    with pytest.raises(InputError, match="is a file; name a folder"):
        scanned(demo, source, Path(source))
    with pytest.raises(InputError, match="is not a file"):
        scanned(demo, str(tmp_path / "absent.jsonl"), tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_worker_with_other_weights_pauses_the_scan_and_scores_nothing(demo: Probe, tmp_path: Path) -> None:
    desk = Desk(Database(tmp_path / "l.sqlite"), Store(tmp_path / "store"))
    begun = desk.begin(Source(written(tmp_path / "in.jsonl", texts(70)), "in.jsonl"), "demo", CHOSEN, {})
    first, other = (Worker(desk.ledger, desk.store, ["demo"], lambda *_, p=p: p) for p in (demo, sibling()))
    assert first.step() and first.step()  # the split, and the first shard
    assert other.step()
    found = desk.ledger.scan(begun.id)
    assert found.paused and "another target" in str(found.note) and desk.ledger.progress(begun.id).shards_done == 1
    desk.ledger.pause(begun.id, False)
    first.run(until_idle=True)
    assert desk.ledger.scan(begun.id).status == "completed"
    assert not (tmp_path / "store" / "scans" / begun.id / "shards").exists()  # texts stay nowhere
    assert not (tmp_path / "store" / "scans" / begun.id / "scored").exists()


def sibling() -> Probe:
    return Probe(LocalEngine.open(str(ASSETS / "sibling")), LocalEngine.open(str(ASSETS / "reference")))


def test_a_worker_of_a_service_outlives_whatever_happens(demo: Probe, tmp_path: Path) -> None:
    desk = Desk(Database(tmp_path / "l.sqlite"), Store(tmp_path / "store"))
    desk.begin(Source(written(tmp_path / "in.jsonl", texts(3)), "in.jsonl"), "demo", CHOSEN, {})
    worker = Worker(desk.ledger, desk.store, ["demo"], lambda *_: demo)
    step, failed = worker.step, []

    def once_broken() -> bool:
        if not failed:
            failed.append(True)
            raise RuntimeError("what nobody thought of")
        if not step():
            worker.stop()
        return True

    worker.step = once_broken  # type: ignore[method-assign]
    worker.run()
    assert desk.ledger.scans()[0].status == "completed"


@pytest.mark.parametrize("metadata", [{"max_tokens": "0"}, {"max_tokens": "-5"}, {"scores": "[" * 5000}])
def test_options_that_cannot_be_are_refused(metadata: dict[str, str]) -> None:
    with pytest.raises(InputError):
        of_metadata(metadata)
