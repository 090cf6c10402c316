"""The local index, against a search word by word."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.corpus import build as building
from probe.corpus.build import build, documents
from probe.corpus.grams import RUN, grams, hashed
from probe.corpus.index import LocalIndex, open_index
from probe.data.overlap import spans, words
from probe.data.read import Columns
from probe.errors import InputError
from probe.types import InCorpus

ALPHABET = ["a", "b", "c"]  # few words, so that runs repeat, overlap and end anywhere
TEXTS = st.lists(st.sampled_from(ALPHABET), max_size=45).map(" ".join)
LONG = "The quick brown fox jumps over the lazy dog, and then it sleeps until the next morning comes around again."


def naive(text: str, corpus: list[str]) -> tuple[int, list[int]]:
    """Returns the words of the longest run of 13 or more, and which documents hold it; the first of runs as long."""
    mine, documents = words(text), [words(document) for document in corpus]
    if 0 < len(mine) < RUN:
        same = [number for number, theirs in enumerate(documents) if theirs == mine]
        return (len(mine) if same else 0), same
    for size in range(len(mine), RUN - 1, -1):
        for begin in range(len(mine) - size + 1):
            run = mine[begin : begin + size]
            if held := [number for number, theirs in enumerate(documents) if holds(theirs, run)]:
                return size, held
    return 0, []


def holds(document: list[str], run: list[str]) -> bool:
    return any(document[at : at + len(run)] == run for at in range(len(document) - len(run) + 1))


def numbered(begin: int, end: int) -> str:
    return " ".join(f"w{number}" for number in range(begin, end))


def made(folder: Path, corpus: list[str]) -> LocalIndex:
    build(((str(number), text) for number, text in enumerate(corpus)), folder)
    return open_index(folder)


@settings(max_examples=20)
@given(
    corpus=st.lists(TEXTS.filter(str.strip), min_size=1, max_size=6),
    texts=st.lists(TEXTS, min_size=1, max_size=5),
    chunk=st.integers(1, 60),
)
def test_it_finds_what_a_search_word_by_word_finds(
    corpus: list[str], texts: list[str], chunk: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "_CHUNK", chunk)  # runs are dealt many times, also within a document
        index = made(tmp_path_factory.mktemp("corpus") / "index", corpus)
    for text, found in zip(texts, index.look(texts), strict=True):
        same = [number for number, document in enumerate(corpus) if document.strip() == text.strip()]
        if same and text:
            assert found == InCorpus("exact", len(words(text)), 1.0, len(same), tuple(map(str, same[:5])))
            continue
        size, held = naive(text, corpus)
        assert (found.found, found.run_words, found.documents) == ("run" if size else "none", size, len(held))
        assert found.ids == tuple(map(str, held[:5]))


def test_a_passage_of_a_document_is_a_run_of_all_its_words(tmp_path: Path) -> None:
    index = made(tmp_path / "index", ["other words " * 20, f"Before it. {LONG} After it."])
    exact, passage, shouted = index.look([f"Before it. {LONG} After it.\n", LONG, LONG.upper()])
    assert exact == InCorpus("exact", 24, 1.0, 1, ("1",))
    assert passage == shouted == InCorpus("run", 20, 1.0, 1, ("1",))
    half = " ".join(LONG.split()[:14]) + " something else altogether that nobody wrote"
    (found,) = index.look([half])
    assert (found.run_words, found.share) == (14, 14 / 20)


def test_short_texts_are_found_as_whole_documents_only(tmp_path: Path) -> None:
    index = made(tmp_path / "index", ["Three short words", LONG])
    same, cased, part, none, blank = index.look(
        ["Three short words", "three SHORT words!", "the quick brown fox", "!?", " "]
    )
    assert same.found == "exact" and cased == InCorpus("run", 3, 1.0, 1, ("0",))
    assert part.found == "none" and part.note and "fewer than 13 words" in part.note
    assert none.found == blank.found == "none"


def test_runs_do_not_cross_documents(tmp_path: Path) -> None:
    halves = LONG.split()
    index = made(tmp_path / "index", [" ".join(halves[:10]), " ".join(halves[10:])])
    assert index.look([LONG])[0].found == "none"


def test_runs_do_not_cross_documents_that_hold_runs_of_their_own(tmp_path: Path) -> None:
    index = made(tmp_path / "index", [numbered(0, 15), numbered(15, 30)])
    assert [found.found for found in index.look([numbered(5, 25), numbered(0, 13)])] == ["none", "run"]


def test_of_two_runs_as_long_the_first_is_told(tmp_path: Path) -> None:
    index = made(tmp_path / "index", [numbered(50, 70), numbered(0, 20), numbered(0, 20)])
    (found,) = index.look([f"{numbered(0, 14)} x {numbered(50, 64)}"])
    assert (found.run_words, found.documents, found.ids) == (14, 2, ("1", "2"))


def test_a_document_that_holds_a_run_twice_counts_once(tmp_path: Path) -> None:
    index = made(tmp_path / "index", [f"{numbered(0, 20)} x {numbered(0, 20)}"])
    assert index.look([numbered(0, 20)]) == [InCorpus("run", 20, 1.0, 1, ("0",))]


def test_no_run_is_lost_between_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "_CHUNK", 15)
    monkeypatch.setattr("probe.corpus.grams._PIECE", 7)  # a document comes in many pieces
    index = made(tmp_path / "index", [numbered(100 * number, 100 * number + 10 * number) for number in range(2, 7)])
    for number in range(2, 7):
        (found,) = index.look([numbered(100 * number, 100 * number + 10 * number) + " more"])
        assert (found.run_words, found.ids) == (10 * number, (str(number - 2),))


def test_the_hash_is_of_the_documents(tmp_path: Path) -> None:
    one, same, other = (
        made(tmp_path / name, [LONG, text]).hash for name, text in (("a", "x"), ("b", "x "), ("c", "y"))
    )
    assert one == same != other
    assert made(tmp_path / "turned", ["x", LONG]).hash != one


def test_words_in_pieces_are_the_words_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"{LONG}\n  {LONG * 3} ünïcödé 漢字\tlast"
    whole = np.concatenate(list(hashed(text)))
    monkeypatch.setattr("probe.corpus.grams._PIECE", 7)
    pieces = list(hashed(text))
    assert len(pieces) > 10 and (np.concatenate(pieces) == whole).all()
    assert len(whole) == len(spans(text)) == len(words(text)) and len(grams(whole)) == len(whole) - 12


def test_documents_are_named_by_file_and_id_and_bad_rows_are_told(tmp_path: Path) -> None:
    rows, plain = tmp_path / "rows.jsonl", tmp_path / "plain.txt"
    rows.write_text('{"id": "a", "text": "first"}\n{"no": 1}\n"third"\n')
    plain.write_text(LONG)
    broken: list[str] = []
    found = dict(documents([rows, plain], Columns(), broken))
    assert found == {f"{rows}:a": "first", f"{rows}:3": "third", str(plain): LONG}
    assert broken == [f'{rows}, row 2: no string under "text"']


def _cut(folder: Path) -> None:
    (folder / "places.u32").write_bytes(b"")


def _other_version(folder: Path) -> None:
    header = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps({**header, "version": 0}))


def _other_runs(folder: Path) -> None:
    header = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps({**header, "run": 12}))


def _no_header(folder: Path) -> None:
    (folder / "index.json").unlink()


@pytest.mark.parametrize("harm", [_cut, _other_version, _other_runs, _no_header])
def test_half_an_index_is_refused(harm: Callable[[Path], None], tmp_path: Path) -> None:
    made(tmp_path / "index", [LONG])
    harm(tmp_path / "index")
    with pytest.raises(InputError, match=r"holds no whole corpus index.*memprobe corpus build"):
        open_index(tmp_path / "index")


def test_nothing_is_left_of_a_build_that_fails(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no document"):
        build([("blank", "  ")], tmp_path / "index")
    assert list(tmp_path.iterdir()) == []
    made(tmp_path / "index", [LONG])
    with pytest.raises(InputError, match="not empty"):
        build([("a", LONG)], tmp_path / "index")
