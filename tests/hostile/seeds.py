"""Valid files of every kind that is read, small, to be sent as they are or to be changed a little."""

from __future__ import annotations

import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from tests.documents.made import as_epub, as_html, as_pdf, as_text, paragraphs

TEXTS = paragraphs(4)
_ROWS = [{"id": f"r{number}", "text": text} for number, text in enumerate(TEXTS)]
_ENVELOPE = {"custom_id": "c", "method": "POST", "url": "/v1/probe", "body": {"model": "demo", "input": TEXTS[:2]}}
_LINES = "".join(json.dumps(row) + "\n" for row in [*_ROWS, TEXTS[0], _ENVELOPE]).encode()


def _separated(mark: str) -> bytes:
    quoted = (f'r{number}{mark}"{text}"' for number, text in enumerate(TEXTS))
    return "\r\n".join([f"id{mark}text", *quoted]).encode()


def _parquet(**options: str) -> bytes:
    file = io.BytesIO()
    odd = {"when": pa.array([0, 1, 2, 3], pa.timestamp("us")), "raw": pa.array([b"a", b"\xff", None, b""])}
    plain = {"id": [row["id"] for row in _ROWS], "text": TEXTS, "nested": [{"a": [1]}] * 4}
    pq.write_table(pa.table({**plain, **odd}), file, row_group_size=2, **options)
    return file.getvalue()


TABLES: dict[str, bytes] = {
    "a.jsonl": _LINES, "a.json": json.dumps(_ROWS).encode(), "a.csv": _separated(","), "a.tsv": _separated("\t"),
    "a.parquet": _parquet(), "b.parquet": _parquet(compression="gzip", version="1.0"), "a.txt": as_text(TEXTS),
    "a.jsonl.gz": gzip.compress(_LINES, mtime=0), "a.jsonl.zst": zstandard.compress(_LINES),
    "a.csv.gz": gzip.compress(_separated(","), mtime=0),
}  # fmt: skip
DOCUMENTS: dict[str, bytes] = {
    "a.txt": as_text(TEXTS), "a.md": b"# Head\n\n- *one* [two](http://x.y)\n\n" + as_text(TEXTS),
    "a.html": as_html(TEXTS), "a.epub": as_epub(TEXTS), "a.pdf": as_pdf(TEXTS),
}  # fmt: skip


def odd_parquet() -> dict[str, bytes]:
    """Files whose types are rare, and whose values Python has none for."""
    far = 1 << 62
    made = {
        "times": pa.table({
            "text": ["a", "b"], "id": pa.array([-far, far], pa.timestamp("ns")),
            "s": pa.array([9 * 10**15, -1], pa.timestamp("s", "UTC")), "u": pa.array([far, 0], pa.duration("us")),
            "d": pa.array([2**31 - 1, -(2**31)], pa.date32()),
        }),
        "texts": pa.table({
            "text": pa.array([b"\xff\xfe", b"fine"], pa.binary()), "id": pa.array(["x", "x"]).dictionary_encode(),
            "l": pa.array(["a", None], pa.large_string()), "f": pa.array([b"ab", b"\xff\0"], pa.binary(2)),
        }),
        "nested": pa.table({
            "text": pa.array([[{"a": [None, [1]]}], None]), "n": pa.array([None, None], pa.null()),
            "m": pa.array([[("k", b"\xff")], []], pa.map_(pa.string(), pa.binary())),
            "h": pa.array([float("nan"), float("inf")], pa.float64()),
        }),
        "none": pa.table({"text": pa.array([], pa.string())}), "bare": pa.table({}),
    }  # fmt: skip
    return {f"{name}.parquet": _written(table) for name, table in made.items()}


def _written(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def loose_pdf() -> bytes:
    """A PDF whose pages are not compressed, so that changes hit what is on them."""
    from fpdf import FPDF

    made = FPDF()
    made.set_compression(False)
    for text in TEXTS[:3]:
        made.add_page()
        made.set_font("Helvetica", size=11)
        made.multi_cell(0, 5, text)
    return bytes(made.output())
