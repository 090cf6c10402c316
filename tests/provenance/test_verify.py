"""Records measured again on the embedded pair, after one thing at a time was changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest

from probe.calibration.fingerprint import Fingerprint
from probe.calibration.store import save
from probe.config import Settings
from probe.corpus.build import build
from probe.corpus.index import open_index
from probe.demo.locate import find, marks
from probe.errors import InputError
from probe.pipeline import Probe
from probe.prepared import Options
from probe.provenance.checks import Check, Outcome, close, outcome
from probe.provenance.compare import _reason
from probe.provenance.read import read_records
from probe.provenance.record import Record, Sources, Used, record_all
from probe.provenance.setup import compare_setup
from probe.provenance.verify import repeat, texts_by_hash, verify_all
from probe.response import result_dict
from probe.types import Result, Text
from tests.provenance.test_record import SENTENCE, records
from tests.tiny import ASSETS

TOLD = {"engine", "device", "versions", "revisions"}


@pytest.fixture(scope="module")
def first(demo: Probe) -> Record:
    return records(demo, [Text(SENTENCE, "a")])[0]


def again(demo: Probe, found: list[Record], *texts: str) -> list[list[Check]]:
    return repeat(demo, found, texts_by_hash(found, texts))


def wrong(checks: list[Check]) -> list[str]:
    return [check.what for check in checks if check.outcome is not Outcome.REPRODUCED]


def changed(record: Record, *path: str, value: Any) -> Record:
    """Returns the record with one field of its JSON changed."""
    row = json.loads(json.dumps(record.as_dict()))
    place = row
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    (found,) = read_records(json.dumps(row).encode(), "changed")
    assert isinstance(found, Record)
    return found


def test_what_was_not_changed_is_reproduced(demo: Probe, first: Record) -> None:
    (checks,) = again(demo, [first])
    assert outcome(checks) is Outcome.REPRODUCED and wrong(checks) == []
    assert {"text", "score loss", "p-value", "verdict", "gates", "reason", "q-value"} <= {one.what for one in checks}


def test_errors_are_reproduced_too(demo: Probe) -> None:
    found = records(demo)
    checked = again(demo, found, "", "lost \ud800 half")
    assert [wrong(checks) for checks in checked] == [[], [], []]


@pytest.mark.parametrize(
    ("path", "value", "what"),
    [
        (("scores", "loss", "value"), -3.0, ["score loss"]),
        (("scores", "loss", "value"), None, ["score loss"]),
        (("scores", "loss", "value"), "-3.67", ["score loss"]),
        (("scores", "loss"), "hidden", ["score loss"]),
        (("scores", "unheard"), {"value": 1.0}, ["score unheard: no such score here"]),
        (("verdict",), "member", ["verdict"]),
        (("reason",), "Seen in training.", ["reason"]),
        (("evidence",), "A", ["evidence"]),
        (("gates", "split"), "untestable", ["gates"]),
        (("claim", "alpha"), 0.001, ["claim"]),
        (("q_value",), 0.001, ["q-value"]),
        (("perplexity",), 2.0, ["log of perplexity"]),
        (("perplexity",), None, ["log of perplexity"]),
        (("perplexity_ratio",), 2.0, ["log of perplexity ratio"]),
        (("q_value",), 10**400, ["q-value"]),
        (("p_member",), -1.0, ["p-value as a member"]),
        (("p_value",), 10**400, ["p-value", "q-value"]),
        (("ppv",), [{"prior": 0.5, "least": 0.99}], ["ppv"]),
        (("ppv",), "certain", ["ppv"]),
        (("windows",), 7, ["windows"]),
        (("warnings",), ["The target is known to have read it."], ["warnings"]),
        (("scores", "loss", "reason"), "Hidden.", ["score loss, why there is none"]),
        (("tokens",), [{"start": 0, "end": 3, "logprob": -0.1, "rank": 0}], ["tokens"]),
        (("error",), "Cannot score: the text is empty.", ["error"]),
        (("score",), None, ["score that decides", "deciding score, value", "deciding score, calibrated"]),
        (("provenance", "text"), "Another text.", ["text in the record", "text not here"]),
        (("provenance", "text_sha256"), "sha256:0", ["text in the record", "text not here"]),
    ],
)
def test_a_change_is_noticed(demo: Probe, first: Record, path: tuple[str, ...], value: Any, what: list[str]) -> None:
    (checks,) = again(demo, [changed(first, *path, value=value)])
    assert outcome(checks) is Outcome.DIFFERS
    assert [name.split(":")[0] for name in wrong(checks)] == [name.split(":")[0] for name in what]


def test_the_tolerance_is_the_callers(demo: Probe, first: Record) -> None:
    loss = first.result["scores"]["loss"]["value"]
    near = changed(first, "scores", "loss", "value", value=loss + 5e-4)
    texts = texts_by_hash([near], [])
    assert wrong(repeat(demo, [near], texts)[0]) == []
    assert wrong(repeat(demo, [near], texts, 1e-4)[0]) == ["score loss"]
    p_value = changed(first, "p_value", value=first.result["p_value"] + 0.002)
    names = [name.split(":")[0] for name in wrong(again(demo, [p_value])[0])]
    assert names == ["p-value", "reason", "q-value"]  # a reason counts what p does, and q is never below p


@pytest.mark.parametrize("none", [-1.0, float("nan"), float("inf")])
def test_what_is_no_tolerance_is_refused(none: float) -> None:
    with pytest.raises(InputError, match="at least 0"):
        verify_all([], {}, Settings(), tolerance=none)


def test_figures_agree_up_to_the_tolerance() -> None:
    found = [close("loss", 0.0, now, 0.001).outcome for now in (0.001, -0.001, 0.00101, -0.00101)]
    assert found == [Outcome.REPRODUCED, Outcome.REPRODUCED, Outcome.DIFFERS, Outcome.DIFFERS]


def test_a_text_of_another_hash_is_not_the_text(demo: Probe, first: Record) -> None:
    (checks,) = repeat(demo, [first], {first.provenance.text_sha256: f"{SENTENCE} "[1:]})
    assert "text" in wrong(checks) and outcome(checks) is Outcome.DIFFERS


def judged(demo: Probe, text: str, options: Options) -> Record:
    prepared = demo.prepare([Text(text)], options)
    results = demo.judge(prepared, demo.measure([prepared])[0])
    return record_all(demo, prepared.texts, results, options, Sources("demo"), with_texts=True)[0]


def test_texts_that_were_judged_apart_are_judged_apart_again(demo: Probe) -> None:
    loss = frozenset({"loss"})
    found = [
        judged(demo, SENTENCE, Options(loss)), judged(demo, SENTENCE[4:], Options(loss)),
        judged(demo, SENTENCE, Options(loss, 0.2)), judged(demo, SENTENCE, Options(loss | {"zlib"})),
        judged(demo, SENTENCE, Options(loss, max_tokens=4)),
    ]  # fmt: skip
    assert [wrong(checks) for checks in again(demo, found)] == [[]] * 5


def test_a_text_that_is_not_here_cannot_be_checked(demo: Probe) -> None:
    found = records(demo, [Text(SENTENCE)], with_texts=False)
    assert outcome(again(demo, found, SENTENCE[:-1])[0]) is Outcome.UNCHECKED
    assert outcome(again(demo, found, f"{SENTENCE}\n")[0]) is Outcome.REPRODUCED


def test_a_text_that_was_too_long_still_is(demo: Probe) -> None:
    options = Options(frozenset({"loss"}), max_tokens=4)
    prepared = demo.prepare([Text(SENTENCE)], options)
    results = demo.judge(prepared, demo.measure([prepared])[0])
    found = record_all(demo, prepared.texts, results, options, Sources("demo"), with_texts=True)
    assert found[0].result["error"] and wrong(again(demo, found)[0]) == []


def test_what_rests_on_the_other_texts_of_a_batch_needs_them(demo: Probe) -> None:
    texts = [Text(f"{SENTENCE} Number {i} of them is read from line {i * i}.") for i in range(100)]
    results = demo(texts, scores=["loss"])
    found = record_all(demo, texts, results, Options(frozenset({"loss"})), Sources("demo"), with_texts=True)
    assert all(wrong(checks) == [] for checks in again(demo, found))
    (alone,) = again(demo, found[:1])
    assert outcome(alone) is Outcome.UNCHECKED
    assert {name.split(" rests")[0] for name in wrong(alone)} == {"verdict", "gates", "evidence", "ppv", "q-value"}


def test_a_q_value_without_the_others_is_unchecked_and_an_impossible_one_differs(demo: Probe, first: Record) -> None:
    record = changed(first, "provenance", "batch", value={"size": 50, "sha256": "sha256:" + "0" * 64})
    p_value = first.result["p_value"]
    for q_value, expected in (
        (p_value, Outcome.UNCHECKED), (min(1.0, p_value * 50), Outcome.UNCHECKED), (p_value * 0.99, Outcome.DIFFERS),
        (1.01, Outcome.DIFFERS), (None, Outcome.DIFFERS), ("low", Outcome.DIFFERS),
    ):  # fmt: skip
        (checks,) = again(demo, [changed(record, "q_value", value=q_value)])
        assert outcome(checks) is expected, q_value
        assert [name.split(" rests")[0].split(":")[0] for name in wrong(checks)] == ["q-value"]


def test_without_a_q_value_then_and_now_the_others_are_not_missed(demo: Probe) -> None:
    (empty,) = records(demo, [Text("")])
    record = changed(empty, "provenance", "batch", value={"size": 50, "sha256": "sha256:" + "0" * 64})
    assert outcome(again(demo, [changed(record, "provenance", "text", value="")])[0]) is Outcome.REPRODUCED


def test_a_p_value_within_the_tolerance_frees_no_other_reason(demo: Probe, first: Record) -> None:
    nudged = changed(first, "p_value", value=first.result["p_value"] - 1e-5)
    nudged = changed(nudged, "q_value", value=nudged.result["p_value"])
    assert wrong(again(demo, [nudged])[0]) == []
    assert wrong(again(demo, [changed(nudged, "reason", value="Seen in training.")])[0]) == ["reason"]


def test_a_p_value_one_known_text_away_keeps_its_own_reason() -> None:
    row = {"claim": {"nonmembers": 3000}, "p_value": 5 / 3001, "reason": "Only 4 of 3,000 known non-members score."}
    assert _reason({"p_value": 6 / 3001}, row) == "Only 5 of 3,000 known non-members score."


def test_every_field_of_a_result_is_compared(demo: Probe, first: Record) -> None:
    for field in result_dict(demo([SENTENCE], scores=["loss"])[0]).keys() - {"index", "id"}:
        value = first.result[field]
        other = "forged" if not isinstance(value, float) else value / 2 + 3
        (checks,) = again(demo, [changed(first, field, value=other)])
        assert outcome(checks) is not Outcome.REPRODUCED, field


def test_the_worth_of_a_member_is_compared_figure_by_figure(demo: Probe) -> None:
    wanted = [mark for mark in marks() if (mark.split, mark.role) == ("test", "member")][:90]
    texts = [Text(text) for text in find(wanted).values()]
    called = [text for text, result in zip(texts, demo(texts, alpha=0.05), strict=True) if _is_member(result)]
    (record,) = records(demo, called[:1])
    ppv = record.result["ppv"]
    assert ppv and wrong(again(demo, [record])[0]) == []
    for forged in ([ppv[0] | {"least": 0.999}, *ppv[1:]], [ppv[0] | {"prior": 0.6}, *ppv[1:]], ppv[:1], []):
        assert wrong(again(demo, [changed(record, "ppv", value=forged)])[0]) == ["ppv"]
    near = [ppv[0] | {"least": ppv[0]["least"] + 5e-4}, *ppv[1:]]
    assert wrong(again(demo, [changed(record, "ppv", value=near)])[0]) == []


def _is_member(result: Result) -> bool:
    return result.verdict is not None and result.verdict.call == "member"


def test_tokens_are_compared_one_by_one(demo: Probe) -> None:
    texts, options = [Text(SENTENCE)], Options(frozenset({"loss", "ref"}), 0.05)
    results = demo(texts, scores=["loss", "ref"], alpha=0.05)
    (record,) = record_all(demo, texts, results, options, Sources("demo"), with_texts=True, with_tokens=True)
    tokens = record.result["tokens"]
    assert wrong(again(demo, [record])[0]) == []
    for name, value in (("logprob", -0.5), ("rank", 100_000), ("end", 99), ("reference_difference", 9.0)):
        forged = changed(record, "tokens", value=[tokens[0] | {name: value}, *tokens[1:]])
        assert wrong(again(demo, [forged])[0]) == ["tokens"], name
    assert wrong(again(demo, [changed(record, "tokens", value=tokens[1:])])[0]) == ["tokens"]


def test_a_field_that_no_result_has_is_told(demo: Probe, first: Record) -> None:
    (checks,) = again(demo, [changed(first, "note", value="mine")])
    assert wrong(checks) == ["note: no field of a result (told only)"] and outcome(checks) is Outcome.REPRODUCED


def test_what_a_corpus_held_cannot_be_taken_out(demo: Probe, first: Record) -> None:
    silent = Record(first.result, replace(first.provenance, corpus=Used("mine", None)))
    (checks,) = again(demo, [silent])
    assert outcome(checks) is Outcome.DIFFERS


def _other_target(record: Record, home: Path) -> Sources:
    return Sources(str(ASSETS / "sibling"), str(ASSETS / "reference"), "demo")


def _other_reference(record: Record, home: Path) -> Sources:
    return Sources(str(ASSETS / "target"), str(ASSETS / "sibling"), "demo")


def _other_calibration(record: Record, home: Path) -> Sources:
    return Sources("demo", None, "demo-records")


def _other_dtype(record: Record, home: Path) -> Sources:
    return Sources("demo", dtype="bfloat16")


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (_other_target, {"target model", "score loss", "calibration refused"}),
        (_other_reference, {"reference model", "log of reference perplexity", "calibration refused"}),
        (_other_calibration, {"calibration", "claim"}),
        (_other_dtype, {"dtype", "reference dtype", "calibration refused"}),
    ],
)
def test_other_models_and_calibrations_are_named(
    first: Record, other: Callable[[Record, Path], Sources], what: set[str], tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path, cache_bytes=0)
    (checks,) = verify_all([first], texts_by_hash([first], []), settings, other(first, tmp_path))
    assert outcome(checks) is Outcome.DIFFERS
    assert what <= {name.split(":")[0] for name in wrong(checks)}
    (same,) = verify_all([first], texts_by_hash([first], []), settings)
    assert wrong(same) == []


def test_a_calibration_changed_under_its_name_is_noticed(demo: Probe, tmp_path: Path) -> None:
    assert demo.calibration
    settings = Settings(home=tmp_path, cache_bytes=0)
    mine = replace(demo.calibration, name="mine")
    save(mine, settings.calibrations)
    probe = Probe(demo.target, demo.reference, mine)
    (result,) = probe(SENTENCE, scores=["loss"])
    (record,) = record_all(
        probe, [Text(SENTENCE)], [result], Options(frozenset({"loss"})), Sources("demo", calibration="mine"),
        with_texts=True,
    )  # fmt: skip
    texts = texts_by_hash([record], [])
    assert wrong(verify_all([record], texts, settings)[0]) == []
    save(replace(mine, nonmembers=mine.nonmembers[:2000], tokens=mine.tokens[:2000],
                 difficulty=mine.difficulty[:2000], variety=mine.variety[:2000]), settings.calibrations)  # fmt: skip
    (checks,) = verify_all([record], texts, settings)
    assert {"calibration", "claim", "p-value"} <= set(wrong(checks))


@pytest.mark.parametrize("name", sorted({field.name for field in fields(Fingerprint)} - TOLD))
def test_every_part_of_the_fingerprint_is_compared(demo: Probe, first: Record, name: str) -> None:
    value: Any = {"nonmembers": "sha256:0"} if name == "prefixes" else "other"
    record = replace(first.provenance, fingerprint=replace(demo.fingerprint, **{name: value}))
    assert record.calibration
    checks = compare_setup(record, demo.fingerprint, record.calibration.sha256, None)
    assert len(wrong(checks)) == 1 and outcome(checks) is Outcome.DIFFERS


def test_other_plugins_are_noticed(first: Record, tmp_path: Path) -> None:
    other = changed(first, "provenance", "plugins", value={"hits": "my-scores 1"})
    (checks,) = verify_all([other], texts_by_hash([other], []), Settings(home=tmp_path, cache_bytes=0))
    assert wrong(checks) == ["score plug-ins"]


def test_a_corpus_changed_under_its_name_is_noticed(demo: Probe, tmp_path: Path) -> None:
    settings, folder = Settings(home=tmp_path, cache_bytes=0), tmp_path / "index"

    def rebuilt(*documents: str) -> Probe:
        shutil.rmtree(folder, ignore_errors=True)
        build([(str(number), text) for number, text in enumerate(documents)], folder)
        return Probe.of(replace(demo.setup, corpus=open_index(folder)), demo.calibration)

    probe, options = rebuilt(SENTENCE, "Another document."), Options(frozenset({"loss"}))
    results = probe([Text(SENTENCE)], scores=["loss"])
    sources = Sources("demo", corpus=str(folder))
    (record,) = record_all(probe, [Text(SENTENCE)], results, options, sources, with_texts=True)
    found = [changed(record, "id", value="a")]
    texts = texts_by_hash(found, [])
    assert wrong(verify_all(found, texts, settings)[0]) == []
    rebuilt(SENTENCE, "A third document.")
    assert wrong(verify_all(found, texts, settings)[0]) == ["corpus"]
    rebuilt("Another document.")
    assert wrong(verify_all(found, texts, settings)[0]) == ["corpus", "in the corpus"]


def test_other_conditions_are_told_and_do_not_count(demo: Probe, first: Record, tmp_path: Path) -> None:
    versions = asdict(demo.fingerprint)["versions"] | {"numpy": "0"}
    moved = changed(first, "provenance", "fingerprint", "versions", value=versions)
    (checks,) = verify_all([moved], texts_by_hash([moved], []), Settings(home=tmp_path, cache_bytes=0))
    assert outcome(checks) is Outcome.REPRODUCED and wrong(checks) == ["versions (told only)"]
    (told,) = [check for check in checks if not check.counts]
    assert told.then == "numpy 0" and told.now.startswith("numpy ")


def test_no_server_that_a_record_names_is_sent_a_text(first: Record, tmp_path: Path) -> None:
    settings, texts = Settings(home=tmp_path, cache_bytes=0), texts_by_hash([first], [])
    server = "http://127.0.0.1:9/v1"
    for name in ("target", "reference"):
        lured = changed(first, "provenance", "sources", name, value=server)
        with pytest.raises(InputError, match=f"name it yourself with --{name}"):
            verify_all([lured], texts, settings)
    held = changed(first, "corpus", value={"found": "exact"})
    lured = changed(held, "provenance", "sources", "corpus", value=f"{server}#index")
    (checks,) = verify_all([lured], texts, settings)
    assert wrong(checks) == ["corpus not opened: name it with --corpus"]


def test_a_corpus_that_is_not_here_is_told(demo: Probe, first: Record, tmp_path: Path) -> None:
    held = changed(first, "corpus", value={"found": "exact"})
    used = Record(held.result, replace(held.provenance, corpus=Used("gone", None)))
    (checks,) = again(demo, [used])
    assert wrong(checks) == ["corpus not opened: name it with --corpus"]
    assert outcome(checks) is Outcome.UNCHECKED


def test_a_record_names_the_model_that_proposed_the_neighbours() -> None:
    from probe import open_probe

    settings, texts = Settings(neighbours=str(ASSETS / "reference")), [Text(SENTENCE)]
    probe = open_probe(neighbours=settings.neighbours)
    options = Options(frozenset({"neighbour"}))
    found = record_all(probe, texts, probe(texts, scores=["neighbour"]), options, Sources.of(settings), with_texts=True)
    assert found[0].result["scores"]["neighbour"]["value"] is not None
    (checks,) = verify_all(found, texts_by_hash(found, []), Settings())
    assert wrong(checks) == [] and "score neighbour" in {check.what for check in checks}
