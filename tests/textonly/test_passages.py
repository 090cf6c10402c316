"""Passages from files: one bad row never fails its neighbours."""

from __future__ import annotations

import json
from pathlib import Path

from probe.data.read import Unreadable
from probe.textonly.passages import Passage, read_passages


def test_jsonl_rows_may_bring_paraphrases(tmp_path: Path) -> None:
    path = tmp_path / "passages.jsonl"
    rows = [
        {"id": 7, "text": "one", "paraphrases": ["a", "b", "c"]},
        {"text": "two"},
        {"text": "three", "paraphrases": ["a", "b"]},
        {"text": "four", "paraphrases": ["a", "b", 3]},
        {"text": "five", "paraphrases": ["a", "five ", "c"]},
        {"text": "six", "paraphrases": ["a", " ", "c"]},
        {"paraphrases": ["a", "b", "c"]},
        "a bare string",
    ]
    lines = [json.dumps(row) for row in rows]
    path.write_text("\ufeff" + "\n\n".join([*lines, "{broken"]), encoding="utf-8")
    found = list(read_passages(path))
    assert found[0] == Passage("one", "7", ("a", "b", "c")) and found[1] == Passage("two")
    assert found[7] == Passage("a bare string")
    bad = [row for row in found if isinstance(row, Unreadable)]
    assert [row.row for row in bad] == [5, 7, 9, 11, 13, 17]  # blank lines count
    assert "list of 3 strings" in bad[0].reason and "must all differ" in bad[2].reason


def test_other_files_give_texts(tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    path.write_text("id,text\nx,one\n,two\n")
    assert [row.text for row in read_passages(path) if isinstance(row, Passage)] == ["one", "two"]
