"""Hugging Face datasets out of local folders, which load_dataset reads as it does the hub's."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from probe.data.hub import _parts, hub_rows
from probe.data.rows import Raw
from probe.errors import InputError


def test_names() -> None:
    assert _parts("hf:swj0419/WikiMIA:WikiMIA_length64") == ("swj0419/WikiMIA", None, "WikiMIA_length64")
    assert _parts("hf:iamgroot42/mimir/arxiv:ngram_13_0.8") == ("iamgroot42/mimir", "arxiv", "ngram_13_0.8")
    assert _parts("hf:imdb:train[:100]") == ("imdb", None, "train[:100]")
    assert _parts("hf:/no/such/folder:train") == ("/no/such/folder", None, "train")
    for name, words in (("hf:imdb", "names no split"), ("hf::train", "names no dataset")):
        with pytest.raises(InputError, match=words):
            _parts(name)


def test_without_the_library_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)  # as Python marks what cannot be imported
    with pytest.raises(InputError, match=r"memprobe\[datasets\]"):
        hub_rows("hf:imdb:train")


@pytest.fixture
def datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    library = pytest.importorskip("datasets", reason="the datasets library is absent")
    monkeypatch.setattr(library.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return library


def test_a_folder(datasets: Any, tmp_path: Path) -> None:
    rows = [{"input": f"text {i}", "label": i % 2} for i in range(4)]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = hub_rows(f"hf:{tmp_path / 'data'}:train")
    assert found.columns == ["input", "label"]
    assert list(found.rows) == [Raw(number, row) for number, row in enumerate(rows, 1)]
    with pytest.raises(InputError, match=r'cannot be loaded: Unknown split "test"'):
        hub_rows(f"hf:{tmp_path / 'data'}:test")


def test_classes_come_by_name(datasets: Any, tmp_path: Path) -> None:
    """Here 0 stands for member."""
    import pyarrow
    from pyarrow import parquet

    label = {"names": ["member", "nonmember"], "_type": "ClassLabel"}
    features = {"text": {"dtype": "string", "_type": "Value"}, "label": label}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pyarrow.table({"text": ["a", "b", "c"], "label": [0, 1, None]}).replace_schema_metadata(metadata)
    (tmp_path / "data").mkdir()
    parquet.write_table(table, tmp_path / "data" / "train.parquet")
    found = [row.value for row in hub_rows(f"hf:{tmp_path / 'data'}:train").rows if isinstance(row, Raw)]
    assert [row["label"] for row in found] == ["member", "nonmember", None]
