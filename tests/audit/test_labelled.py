"""The shapes of the field's labelled files, guessed or named, and rows that give nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.audit.labelled import Entry, LabelledColumns, both_kinds, distinct, label_of, read_labelled
from probe.errors import InputError
from probe.types import Text


def jsonl(path: Path, rows: list[Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def pairs(*arguments: Any, **options: Any) -> list[tuple[str, bool]]:
    return [(entry.text.text, entry.member) for entry in read_labelled(*arguments, **options).entries]


@pytest.mark.parametrize("column", ["text", "input", "snippet"])
def test_known_columns_are_guessed(tmp_path: Path, column: str) -> None:
    """Ours and ArxivMIA, WikiMIA, BookMIA."""
    rows = [{column: "seen", "label": 1, "book_id": 3}, {column: "unseen", "label": 0, "book_id": 4}]
    assert pairs([jsonl(tmp_path / "a.jsonl", rows)]) == [("seen", True), ("unseen", False)]
    table = tmp_path / "a.csv"
    table.write_text(f"{column},label\nseen,1\nunseen,0\n")
    assert pairs([str(table)]) == [("seen", True), ("unseen", False)]


def test_mimir_s_two_files_of_bare_strings(tmp_path: Path) -> None:
    members, others = jsonl(tmp_path / "m.jsonl", ["seen"]), jsonl(tmp_path / "n.jsonl", ["unseen", {"input": "new"}])
    found = pairs(members=[members], nonmembers=[others])
    assert found == [("seen", True), ("unseen", False), ("new", False)]


TEXT = LabelledColumns("text")


def test_mimir_s_rows_of_one_of_each(tmp_path: Path) -> None:
    rows = [
        {"member": "seen", "nonmember": "unseen", "member_neighbors": ["sin"]},
        {"member": "more", "nonmember": None},
    ]
    path = jsonl(tmp_path / "m.jsonl", rows)
    found = read_labelled([path])
    assert [(entry.text.text, entry.member) for entry in found.entries] == [
        ("seen", True),
        ("unseen", False),
        ("more", True),
    ]
    assert found.left_out == ('m.jsonl, row 2: no string under "text"',)
    table = tmp_path / "m.csv"
    table.write_text("member,nonmember\nseen,unseen\n")
    assert pairs([str(table)]) == [("seen", True), ("unseen", False)]
    rows = [{"text": "new", "label": label, "member": "", "nonmember": ""} for label in (0, 1)]
    named = read_labelled([jsonl(tmp_path / "n.jsonl", [rows[0], {**rows[1], "text": "old"}])], columns=TEXT)
    assert [(entry.text.text, entry.member) for entry in named.entries] == [("new", False), ("old", True)]


def test_named_columns_and_ids(tmp_path: Path) -> None:
    rows = [{"t": "seen", "known": "member", "n": 7}, {"t": "unseen", "known": "nonmember", "n": None}]
    found = read_labelled([jsonl(tmp_path / "a.jsonl", rows)], columns=LabelledColumns("t", "known", "n"))
    assert [(entry.text.id, entry.member) for entry in found.entries] == [("7", True), (None, False)]


def test_a_bad_row_leaves_its_neighbours(tmp_path: Path) -> None:
    rows = ["bare", {"id": "c"}, {"text": "seen", "label": 1}, {"text": "?", "label": 2}, {"text": 5, "label": 1}]
    path = jsonl(tmp_path / "a.jsonl", [*rows, {"text": "unseen", "label": False}])
    found = read_labelled([path])
    assert [entry.text.text for entry in found.entries] == ["seen", "unseen"]
    assert [line.split(":")[0] for line in found.left_out] == [f"a.jsonl, row {row}" for row in (1, 2, 4, 5)]
    assert "no label that says 1 or 0" in found.left_out[0] and "no column of texts" in found.left_out[1]


def test_repeats_count_once_and_contradictions_not_at_all() -> None:
    rows = [("a", True), ("b", False), (" a ", True), ("c", True), ("c", False), ("c", True)]
    found = distinct(Entry(Text(text), member, f"row {i}") for i, (text, member) in enumerate(rows))
    assert [entry.text.text for entry in found.entries] == ["a", "b"]
    assert found.left_out[:2] == ("row 2: repeats row 0", "row 5: repeats row 3")
    assert found.left_out[2].startswith("row 4: labelled otherwise than the same text, row 3")


def test_a_text_of_two_files_counts_once(tmp_path: Path) -> None:
    rows = [{"text": "seen", "label": 1}, {"text": "unseen", "label": 0}]
    found = read_labelled([jsonl(tmp_path / "a.jsonl", rows), jsonl(tmp_path / "b.jsonl", rows[:1])])
    assert [entry.text.text for entry in found.entries] == ["seen", "unseen"]
    assert found.left_out == ("b.jsonl, row 1: repeats a.jsonl, row 1",)


def test_one_kind_alone_is_refused_with_the_remedy() -> None:
    both = distinct([Entry(Text("a"), True), Entry(Text("b"), False)])
    assert both_kinds(both, "Bring more.") is both
    for entries, counts in (
        ([], "0 and 0"),
        ([Entry(Text("a"), True)], "1 and 0"),
        ([Entry(Text("a"), False)], "0 and 1"),
    ):
        with pytest.raises(InputError, match=f"there are {counts}. Bring more."):
            both_kinds(distinct(entries), "Bring more.")


def test_what_is_open_is_asked(tmp_path: Path) -> None:
    both = tmp_path / "both.csv"
    both.write_text("text,input,label\na,b,1\nc,d,0\n")
    bare = tmp_path / "bare.csv"
    bare.write_text("text\na\n")
    for sources, options, words in (
        ([both], {}, "columns text and input that may hold the texts.*--text-column"),
        ([bare], {}, "no column label, only text.*--label-column"),
        ([bare], {"columns": LabelledColumns("typo")}, "no column of texts, among text"),
        ([], {"members": [str(bare)]}, "there are 1 and 0. Give a file with labels, or --members and --nonmembers"),
        ([], {}, "there are 0 and 0"),
    ):
        with pytest.raises(InputError, match=words):
            read_labelled([str(source) for source in sources], **options)
    lines = jsonl(tmp_path / "both.jsonl", [{"text": "a", "input": "b", "label": 1}])
    with pytest.raises(InputError, match=r"Left out: both.jsonl, row 1: .*--text-column"):
        read_labelled([lines])


@pytest.mark.parametrize("value", [1, True, "1", "true", " Member ", 1.0, "1.0", "TRUE"])
def test_labels_of_members(value: Any) -> None:
    assert label_of(value) is True


@pytest.mark.parametrize("value", [0, False, "0", "false", "nonmember", "non-member", "Non_Member", 0.0])
def test_labels_of_nonmembers(value: Any) -> None:
    assert label_of(value) is False


@given(st.one_of(st.none(), st.integers(2), st.integers(max_value=-1), st.lists(st.integers()), st.just("seen")))
def test_nothing_else_is_a_label(value: Any) -> None:
    assert label_of(value) is None
