"""Files in: the good comes out unchanged, the bad stays in its own row, and nothing but InputError is raised."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.data.read import Columns, Row, Unreadable, read
from probe.data.rows import MOST
from probe.errors import InputError
from probe.types import Text

ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt", ".md", "")
unicode = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
table = st.binary().map(lambda tail: b"text,id\n" + tail)
marks = st.lists(st.sampled_from(b'" , \t \n \r \0 \xff { } [ ] : \\ 1 text'.split(b" "))).map(b"".join)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("texts")


@pytest.fixture
def field_limit() -> Iterator[int]:
    limit = 1000
    before = csv.field_size_limit(limit)
    yield limit
    csv.field_size_limit(before)


def rows(folder: Path, name: str, content: bytes | str, columns: Columns = Columns()) -> list[Row]:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read(path, columns))


def test_jsonl_takes_objects_and_bare_strings(folder: Path) -> None:
    content = '{"id": "a", "text": "one", "more": [1]}\n"two"\r\n{"text": ""}\n{"text": "four", "id": null}'
    assert rows(folder, "x.jsonl", content) == [Text("one", "a"), Text("two"), Text(""), Text("four")]


def test_json_is_an_array_or_one_row_or_lines(folder: Path) -> None:
    one = '{"id": "a", "text": "one"}'
    assert rows(folder, "x.json", f'[\n{one},\n"two"]') == [Text("one", "a"), Text("two")]
    assert rows(folder, "x.json", f"{{\n{one[1:]}") == [Text("one", "a")]
    assert rows(folder, "x.json", f'{one}\n"two"\n') == [Text("one", "a"), Text("two")]
    good, bad = rows(folder, "x.json", f"[{one}, 5]")
    assert good == Text("one", "a") and isinstance(bad, Unreadable) and bad.row == 2
    (broken,) = rows(folder, "x.json", f"[{one},\n")
    assert isinstance(broken, Unreadable) and "invalid JSON" in broken.reason
    assert rows(folder, "x.json", "[]") == []


@pytest.mark.parametrize(("written", "read_as"), [("0", "0"), ("7", "7"), ("true", "True"), ('""', ""), ("1.5", "1.5")])
def test_any_json_id_becomes_a_string(folder: Path, written: str, read_as: str) -> None:
    assert rows(folder, "x.jsonl", f'{{"text": "one", "id": {written}}}') == [Text("one", read_as)]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"{", "invalid JSON"),
        (b"\xff", "invalid UTF-8 at byte 0"),
        (b'"ab\xc3"', "invalid UTF-8 at byte 3"),
        (b"1" * 5000, "invalid JSON"),  # more digits than Python turns into an int
        (b"[" * 100_000, "invalid JSON"),
        (b'{"a":' * 100_000, "invalid JSON"),
        (b'["text"]', 'no string under "text"'),
        (b"null", 'no string under "text"'),
        (b"{}", 'no string under "text"'),
        (b'{"text": null}', 'no string under "text"'),
        (b'{"text": ["a"]}', 'no string under "text"'),
        (b'{"text": NaN}', 'no string under "text"'),
        (b'\xef\xbb\xbf"a byte order mark inside the file"', "invalid JSON"),
        ('"sixteen bits"'.encode("utf-16-le"), "invalid JSON"),
    ],
)
def test_a_bad_json_row_says_why_and_spares_its_neighbours(folder: Path, bad: bytes, reason: str) -> None:
    first, second, third = rows(folder, "x.jsonl", b'"before"\n' + bad + b'\n"after"\n')
    assert (first, third) == (Text("before"), Text("after"))
    assert isinstance(second, Unreadable) and second.row == 2 and second.reason.startswith(reason)


def test_a_json_row_is_numbered_by_its_line(folder: Path) -> None:
    found = rows(folder, "x.jsonl", '\n  \n"one"\n\n{\n')
    assert found[0] == Text("one")
    assert [row.row for row in found if isinstance(row, Unreadable)] == [5]


def test_csv_and_tsv_take_quoted_fields(folder: Path) -> None:
    expected = [Text('a "b", c\nd', "1"), Text("e", "2")]
    assert rows(folder, "x.csv", 'id,text\r\n1,"a ""b"", c\nd"\r\n2,e\r\n') == expected
    assert rows(folder, "x.tsv", 'text\tid\n"a ""b"", c\nd"\t1\ne\t2\n') == expected


def test_a_bad_csv_row_says_why_and_spares_its_neighbours(folder: Path) -> None:
    found = rows(folder, "x.csv", b"id,text\n1,one\n2\n\n3,\xff\n4,four,five\n")
    assert found == [
        Text("one", "1"), Unreadable(2, 'no string under "text"'), Unreadable(3, "invalid UTF-8"), Text("four", "4")
    ]  # fmt: skip


def test_a_csv_without_ids(folder: Path) -> None:
    assert rows(folder, "x.csv", "text\none\n") == [Text("one")]


def test_surrogates_encoded_as_utf8_are_invalid(folder: Path) -> None:
    assert rows(folder, "x.csv", b"text\n\xed\xa0\x80\n") == [Unreadable(1, "invalid UTF-8")]


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n", b"words,id\none,1\n", b"\xff,id\none,1\n"])
def test_a_csv_without_the_text_column_is_refused(folder: Path, content: bytes) -> None:
    with pytest.raises(InputError, match='no column "text"'):
        rows(folder, "x.csv", content)


def test_the_columns_can_be_named(folder: Path) -> None:
    columns, expected = Columns("body", "key", "site"), [Text("one", "1", "a")]
    line = '{"body": "one", "key": 1, "text": "no", "site": "a"}'
    assert rows(folder, "x.jsonl", line, columns) == expected
    assert rows(folder, "x.csv", "text,key,body,site\nno,1,one,a\n", columns) == expected


def test_a_plain_file_is_one_text(folder: Path) -> None:
    assert rows(folder, "x.txt", "one\r\ntwo\n") == [Text("one\r\ntwo\n", "x.txt")]
    assert rows(folder, "README", "one") == [Text("one", "README")]
    (bad,) = rows(folder, "x.md", b"ab\xffc")
    assert isinstance(bad, Unreadable) and bad.row == 1 and "byte 2" in bad.reason


@pytest.mark.parametrize(
    ("name", "content"), [("x.jsonl", '"one"'), ("x.csv", "text\none\n"), ("x.tsv", "text\none\n"), ("x.txt", "one")]
)
def test_a_byte_order_mark_is_no_text(folder: Path, name: str, content: str) -> None:
    (found,) = rows(folder, name, content.encode("utf-8-sig"))
    assert isinstance(found, Text) and found.text == "one"


@pytest.mark.parametrize("name", ["x.JSONL", "x.Csv", "x.TXT"])
def test_endings_in_capitals_are_known(folder: Path, name: str) -> None:
    assert rows(folder, name, '"text"\n"one"\n')


@pytest.mark.parametrize("name", ["x.pdf", "x.pdf.gz", "x.pkl"])
def test_other_endings_are_refused(folder: Path, name: str) -> None:
    with pytest.raises(InputError, match="ending is not known"):
        rows(folder, name, '"one"')


def test_folders_and_missing_files_are_refused(folder: Path) -> None:
    for path in (folder, folder / "missing.jsonl"):
        with pytest.raises(InputError, match="is not a file"):
            read(path)


def test_a_csv_field_may_be_long(folder: Path) -> None:
    text = "a" * 1_000_000  # the csv module's own limit is 131,072
    assert rows(folder, "x.csv", f"text\n{text}\n") == [Text(text)]


@pytest.mark.parametrize("before", ["text\none\n", ""])
def test_a_csv_field_past_the_limit_is_refused(folder: Path, field_limit: int, before: str) -> None:
    try:
        found = rows(folder, "x.csv", before + "a" * (field_limit + 1) + "\nlast\n")
    except InputError:
        return
    assert found[0] == Text("one") and isinstance(found[1], Unreadable)


def test_an_id_is_valid_unicode(folder: Path) -> None:
    for row in rows(folder, "x.csv", b"text,id\none,\xff\n"):
        assert isinstance(row, Unreadable) or (row.id or "").encode() is not None


@given(texts=st.lists(st.tuples(unicode, st.one_of(st.none(), unicode))))
def test_jsonl_comes_back_as_it_was_written(folder: Path, texts: list[tuple[str, str | None]]) -> None:
    lines = [json.dumps({"text": text, "id": name}, ensure_ascii=False) + "\n" for text, name in texts]
    assert rows(folder, "x.jsonl", "".join(lines)) == [Text(text, name) for text, name in texts]


@given(texts=st.lists(st.tuples(unicode, unicode)), tabs=st.booleans())
def test_csv_comes_back_as_it_was_written(folder: Path, texts: list[tuple[str, str]], tabs: bool) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter="\t" if tabs else ",").writerows([("id", "text"), *((b, a) for a, b in texts)])
    assert rows(folder, "x.tsv" if tabs else "x.csv", file.getvalue()) == [Text(text, name) for text, name in texts]


@settings(max_examples=300)
@given(ending=st.sampled_from(ENDINGS), content=st.one_of(st.binary(), table, marks))
def test_arbitrary_bytes_raise_nothing_but_inputerror(folder: Path, ending: str, content: bytes) -> None:
    try:
        found = rows(folder, "any" + ending, content)
    except InputError:
        return
    assert all(isinstance(row, Text | Unreadable) for row in found)
    if ending not in (
        ".jsonl",
        ".ndjson",
        ".json",
    ):  # JSON can escape a surrogate; the tokenizer refuses it with its place
        assert all(row.text.encode() is not None for row in found if isinstance(row, Text))


@given(
    good=st.lists(unicode, min_size=1),
    bad=st.sampled_from([b"{", b"\xff", b"[]", b'"', b'{"text": 1}', b"\0", b'\xef\xbb\xbf""']),
    place=st.integers(0),
)
def test_a_bad_json_row_anywhere_spares_all_others(folder: Path, good: list[str], bad: bytes, place: int) -> None:
    lines = [json.dumps(text).encode() for text in good]
    place = 1 + place % len(lines)
    found = rows(folder, "x.jsonl", b"\n".join([*lines[:place], bad, *lines[place:]]))
    assert isinstance(found.pop(place), Unreadable)
    assert found == [Text(text) for text in good]


def test_of_a_damaged_parquet_file_all_other_row_groups_are_read(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "three.parquet"
    table = pa.table({"text": [f"text number {n} of thirty" for n in range(30)]})
    pq.write_table(table, path, row_group_size=10, compression="zstd", use_dictionary=False)
    column = pq.ParquetFile(path).metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    begin, size = column.data_page_offset, column.total_compressed_size
    data[begin + 20 : begin + size] = b"\xff" * (size - 20)
    path.write_bytes(bytes(data))
    found = list(read(path))
    texts, lost = [row for row in found if isinstance(row, Text)], [row for row in found if isinstance(row, Unreadable)]
    assert [text.text for text in texts] == [f"text number {n} of thirty" for n in [*range(10), *range(20, 30)]]
    assert [row.row for row in lost] == [11] and "rows 11 to 20 cannot be read" in lost[0].reason


def test_a_value_of_parquet_that_is_no_utf_8_is_that_rows_error(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path, given = tmp_path / "bytes.parquet", [b"a good one", b"\xff and \xfe", b"another"]
    pq.write_table(pa.table({"text": pa.array(given, pa.binary()).view(pa.string())}), path)
    assert list(read(path)) == [Text("a good one"), Unreadable(2, "invalid UTF-8"), Text("another")]


@pytest.mark.parametrize(("ending", "mark"), [(".tsv", "\t"), (".csv", ",")])
def test_a_stray_quotation_mark_costs_its_own_row(folder: Path, ending: str, mark: str) -> None:
    begin, end = ([f"{name}{n}{mark}some words {n}" for n in range(50)] for name in "ab")
    broken = [f'x{mark}"Hello, he said', f'y{mark}"closed" and more', f'z{mark}in the "middle" of it']
    found = rows(folder, f"x{ending}", "\n".join([f"id{mark}text", *begin, *broken, *end]) + "\n")
    wrong = [row for row in found if isinstance(row, Unreadable)]
    assert [row.row for row in wrong] == [51, 52] and all("stray" in row.reason for row in wrong)
    good = [row for row in found if not isinstance(row, Unreadable)]
    assert [row.id for row in good if isinstance(row, Text)] == [
        *(f"a{n}" for n in range(50)), "z", *(f"b{n}" for n in range(50)),
    ]  # fmt: skip


def test_a_line_that_is_too_long_is_told_and_passed_over(folder: Path) -> None:
    long = json.dumps({"text": "x" * (MOST + 10)})
    found = rows(folder, "x.jsonl", f'"one"\n{long}\n"two"\n')
    assert found == [Text("one"), Unreadable(2, "it has more than 16 MB; send passages of it"), Text("two")]
    assert rows(folder, "x.jsonl", f'"one"\n{long}') == found[:2]
    assert rows(folder, "x.txt", "x" * (MOST + 1)) == [Unreadable(1, "it has more than 16 MB; send passages of it")]
