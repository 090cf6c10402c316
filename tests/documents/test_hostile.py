"""Files that mean harm end in an error that says what is wrong, within limits of time and memory."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from probe.documents.apart import read_apart, read_file
from probe.documents.read import read_bytes
from probe.errors import InputError
from probe.wanted import while_wanted
from tests.documents.made import as_epub, as_html, as_pdf, blank_pdf, paragraphs, zipped
from tests.documents.readers import LONG, readers

TEXTS = paragraphs(6)
BILLION = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]><package>&i;</package>"
)
OUTSIDE = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><container><rootfile full-path="&f;"/></container>'


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.epub", as_epub(TEXTS, **{"OEBPS/book.opf": BILLION}), "declares entities"),
        ("a.epub", as_epub(TEXTS, **{"META-INF/container.xml": OUTSIDE}), "declares entities"),
        ("a.epub", as_epub(TEXTS, **{"META-INF/container.xml": OUTSIDE.encode("utf-16")}), "declares entities"),
        ("a.epub", as_epub(TEXTS, **{"META-INF/container.xml": "<container/>"}), "names no book"),
        ("a.epub", as_epub(TEXTS, **{"OEBPS/book.opf": "<package"}), "is damaged"),
        ("a.epub", zipped({"x": "y"}), "lacks META-INF/container.xml"),
        ("a.epub", b"PK\3\4 no archive", "damaged or no EPUB"),
        ("a.epub", as_epub(TEXTS)[:-900], "damaged or no EPUB"),
        (
            "a.epub",
            as_epub(TEXTS, **{"META-INF/encryption.xml": '<e><CipherReference URI="OEBPS/c0.xhtml"/></e>'}),
            "encrypted",
        ),
        ("a.pdf", as_pdf(TEXTS, password="x"), "encrypted"),
        ("a.pdf", blank_pdf(3), "holds no text"),
        ("a.pdf", b"%PDF-1.7 and no more", "damaged or no PDF"),
        ("a.pdf", as_pdf(TEXTS)[:400], "damaged or no PDF"),
        ("a.pdf", blank_pdf(5001), "5,001 pages and at most 5,000"),
    ],
)
def test_errors(name: str, content: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_apart(content, name)


def test_a_zip_bomb(tmp_path: Path) -> None:
    """A gigabyte of blanks in a megabyte; what its header says is smaller still."""
    path = tmp_path / "bomb.epub"
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        with ZipFile(__import__("io").BytesIO(as_epub(TEXTS))) as book:
            for name in book.namelist():
                if name != "OEBPS/c1.xhtml":
                    archive.writestr(name, book.read(name))
        with archive.open("OEBPS/c1.xhtml", "w", force_zip64=True) as file:
            for _ in range(1 << 6):
                file.write(b" " * (1 << 24))
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    began = time.monotonic()
    with pytest.raises(InputError, match="unpacks to more than 64 MB"):
        read_file(path)
    assert time.monotonic() - began < 60 and path.stat().st_size < 3 << 20
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss <= max(before, 1_200_000)


def test_names_lead_nowhere() -> None:
    opf = (
        '<package><manifest><item id="a" href="../../../../etc/passwd"/><item id="b" href="/etc/passwd"/><item id="c" '
        'href="c0.xhtml"/></manifest><spine><itemref idref="a"/><itemref idref="b"/><itemref idref="c"/></spine>'
        "</package>"
    )
    found = read_apart(as_epub(TEXTS, files=1, **{"OEBPS/book.opf": opf}), "../../x/book.epub")
    assert found.name == "book.epub" and found.text.split("\n\n") == TEXTS
    assert len(found.warnings) == 2 and "is not there" in found.warnings[0] and "root:" not in found.text


def test_scripts_are_not_run_and_not_read() -> None:
    page = as_html(TEXTS).replace(b"<p>", b"<script>alert(1)</script><p onclick='x()'>", 1)
    assert read_apart(page, "a.html").text.split("\n\n") == TEXTS


@pytest.mark.parametrize(
    "page",
    [
        "<" * 400_000, "<!" * 200_000, "<a " * 150_000, "<!--" * 100_000, "<p a='" * 80_000, "<div>" * 200_000,
        "&" * 400_000, "<svg>" * 100_000 + "x" + "</p>" * 100_000, "<![CDATA[" * 50_000, "</" * 200_000,
        "<script>" * 100_000, "<!--" * 100_000 + ">", "<![CDATA[" * 50_000 + ">", "<a b='" * 80_000 + ">",
        "<a <" * 90_000 + ">",
        '<p a="' * 80_000 + ">", "<p a=>" * 80_000, "<b>" * 90_000 + "x" + "</i>" * 90_000,
        "- " * 200_000, "-\na" * 200_000, "*_" * 200_000, "[x](" * 100_000, "![" * 200_000, "a-" * 200_000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["a.html", "a.md"])
def test_no_text_takes_for_ever(name: str, page: str) -> None:
    began = time.monotonic()
    try:
        read_apart(page.encode(), name, seconds=30)
    except InputError as error:
        assert "holds no text" in str(error)
    assert time.monotonic() - began < 120  # it ends, on a machine that does much besides


@pytest.mark.parametrize(
    "charset", ["punycode", "idna", "unicode_escape", "raw_unicode_escape", "utf-7", "u7", "undefined", "rot13", "hex"]
)
def test_encodings_that_no_page_has_are_not_used(charset: str) -> None:
    """Some take the square of a page's length, some raise what is no UnicodeDecodeError, some make surrogates."""
    page = f"<meta charset={charset}><p>A page, as it stands: \\ud800 +2AA- xn--a-ecp.</p>".encode()
    assert read_bytes(page, "a.html").text == "A page, as it stands: \\ud800 +2AA- xn--a-ecp."


def test_an_archive_that_points_before_its_begin_is_damaged() -> None:
    """zipfile seeks there, and raises a ValueError."""
    book = as_epub(TEXTS)
    directory = book.rindex(b"PK\1\2")
    first = book.index(b"PK\1\2")
    moved = book[:first] + b"x" * 3 + book[first:directory] + book[directory:]
    for cut in (book[7:], moved, book[:40] + book[60:]):
        with pytest.raises(InputError, match="damaged or no EPUB"):
            read_bytes(cut, "a.epub")


def test_what_takes_too_long_is_ended() -> None:
    with pytest.raises(InputError, match=r"takes more than 0\.01 s"):
        read_apart(as_html(TEXTS), "a.html", seconds=0.01)


def test_who_waits_no_more_leaves_no_process_behind() -> None:
    class Gone(Exception):
        """Nobody waits."""

    seen: list[int] = []

    def ask() -> None:
        seen.extend(readers())
        if seen:
            raise Gone

    began = time.monotonic()
    with pytest.raises(Gone), while_wanted(ask):
        read_apart(LONG, "a.html")
    assert time.monotonic() - began < 3 and not readers()
    with pytest.raises(InputError, match="takes more than"):
        read_apart(LONG, "a.html", seconds=0.3)
    assert not readers()


@pytest.mark.parametrize("read", [read_apart, read_bytes])
def test_a_module_beside_us_is_not_run(
    read: Callable[[bytes, str], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    assert read(as_html(TEXTS), "a.html")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no file"):
        read_file(tmp_path / "a.txt")
