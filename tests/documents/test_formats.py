"""A text is the same in every format, and everything in it knows where in the file it is from."""

from __future__ import annotations

import re

import pytest

from probe.documents.document import Document
from probe.documents.passages import passages
from probe.documents.read import read_bytes
from probe.errors import InputError
from tests.documents.made import as_epub, as_html, as_pdf, as_text, paragraphs

TEXTS = paragraphs(80)
FILES = {
    "a.txt": as_text(TEXTS), "a.md": as_text(TEXTS), "a.html": as_html(TEXTS), "a.epub": as_epub(TEXTS),
    "a.pdf": as_pdf(TEXTS),
}  # fmt: skip


def bare(document: Document) -> list[str]:
    """Returns its passages without white space."""
    return ["".join(document.text[one.start : one.end].split()) for one in passages(document)]


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_the_same_passages(name: str) -> None:
    found = read_bytes(FILES[name], name)
    assert [found.of(one) for one in found.paragraphs] == TEXTS
    assert bare(found) == bare(read_bytes(FILES["a.txt"], "a.txt"))
    assert found.hash.startswith("sha256:") and Document.from_json(found.as_json()) == found


def test_ragged_lines_of_a_pdf_too() -> None:
    found = read_bytes(as_pdf(TEXTS, justified=False), "a.pdf")
    ours, theirs = bare(found), bare(read_bytes(FILES["a.txt"], "a.txt"))
    assert "".join(ours) == "".join(theirs)  # no word is lost, wherever it takes paragraphs to begin
    assert len(set(ours) & set(theirs)) > 0.9 * len(theirs)


def test_places_are_those_of_the_file() -> None:
    text = read_bytes(FILES["a.txt"], "a.txt")
    lines = FILES["a.txt"].decode().splitlines()
    for one in passages(text):
        number = int(one.place.removeprefix("line "))
        assert text.text[one.start : one.end].split()[0] in lines[number - 1]
    book = read_bytes(FILES["a.epub"], "a.epub")
    assert book.place(book.paragraphs[-1].start) == "OEBPS/c2.xhtml, line 26" and book.place(0).startswith("OEBPS/c0")


def test_paragraphs_are_numbered_where_a_page_is_one_line() -> None:
    """As programs write it: the line of all would be the first."""
    page = "<html><body>" + "".join(f"<p>{text}</p>" for text in TEXTS)
    for before in (b"", b"<!DOCTYPE html>\n"):
        found = read_bytes(before + page.encode(), "a.html")
        places = [found.place(one.start) for one in found.paragraphs]
        assert places == [f"paragraph {number}" for number in range(1, len(TEXTS) + 1)]
        assert Document.from_json(found.as_json()).place(found.paragraphs[-1].start) == places[-1]
    assert read_bytes(b"<p>one</p>", "a.html").place(0) == "line 1"


def test_pages_are_those_that_hold_the_passage() -> None:
    import pypdfium2

    found = read_bytes(FILES["a.pdf"], "a.pdf")
    pages = [page.get_textpage().get_text_range().split("\r\n") for page in pypdfium2.PdfDocument(FILES["a.pdf"])]
    for one in passages(found):
        page, line = (int(part) for part in re.findall(r"\d+", one.place))
        assert found.text[one.start : one.end].split()[0] in pages[page - 1][line - 1]
    assert found.place(len(found.text)).startswith(f"page {len(found.leaves)}, ")


def test_heads_and_numbers_of_pages_are_left_out_and_counted() -> None:
    found = read_bytes(FILES["a.pdf"], "a.pdf")
    pages = len(found.leaves)
    assert found.mended["running heads"] == found.mended["page numbers"] == pages > 5
    assert "Trials" not in found.text


def test_html_s_own_words_only() -> None:
    page = (
        "<head><title>no</title><script>var no</script><body><nav>no</nav><h1>A&amp;B</h1><p>one<br>two <b>thr</b>ee"
        "<!-- no --><div>four<p>five</div><style>no</style><ul><li>six<li>seven</ul><p>caf&eacute; &#8220;x&#8221;"
    )
    found = read_bytes(page.encode(), "a.html")
    assert found.text.split("\n\n") == ["A&B", "one two three", "four", "five", "six", "seven", "café “x”"]
    assert read_bytes('<meta charset="latin-1"><p>caf\xe9'.encode("latin-1"), "a.htm").text == "café"


def test_markdown_without_its_marks() -> None:
    page = "# Head\nText with *stress*, **more _of_ it**, a [link](http://x.y) and snake_case_name.\n\n- one\n- two\n\n"
    page += "---\n> said\n"
    found = read_bytes(page.encode(), "a.md")
    assert found.text.split("\n\n") == [
        "Head", "Text with stress, more of it, a link and snake_case_name.", "one", "two", "said",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\xef\xbb\xbfcaf\xc3\xa9", []), ("café".encode("utf-16"), []), (b"caf\xe9", ["no valid UTF-8"])],
)
def test_encodings(content: bytes, said: list[str]) -> None:
    found = read_bytes(content, "a.txt")
    assert found.text == "café" and [one[:14] for one in found.warnings] == said


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"x", "a.docx", "this ending is not known"),
        (b"", "a.txt", "holds no text"),
        (b"\0\1\2", "a.txt", "holds zero bytes"),
        (b"word " * 20_000 + b"\0", "a.txt", "holds zero bytes"),
        (b"<script>x</script>", "a.html", "holds no text"),
    ],
)
def test_what_cannot_be_read_is_told(content: bytes, name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_bytes(content, name)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("shift_jis", "吾輩は猫である。名前はまだ無い。"),
        ("koi8_r", "Жизнь и люди"),
        ("gb18030", "此开卷第一回也。"),
    ],
)
def test_an_encoding_of_another_script_is_no_windows_1252(encoding: str, text: str) -> None:
    for name in ("a.txt", "a.md", "a.html"):
        with pytest.raises(InputError, match="Save it as UTF-8"):
            read_bytes((text * 20).encode(encoding), name)


@pytest.mark.parametrize("kind", ["html", "epub"])
def test_a_byte_order_mark_is_no_text(kind: str) -> None:
    page = b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-8"?><html><p>One.</p><p>Two \xe2\x80\x9c.</p></html>'
    found = read_bytes(page if kind == "html" else as_epub(TEXTS[:1], 1, **{"OEBPS/c0.xhtml": page}), f"a.{kind}")
    assert found.text == "One.\n\nTwo \u201c." and not found.warnings


@pytest.mark.parametrize(
    ("declared", "content", "text"),
    [
        ("iso-8859-1", "Größe … “so” €".encode("cp1252"), "Größe … “so” €"),
        ("us-ascii", "“so”".encode("cp1252"), "“so”"),
        ("utf-16", b"plain words", "plain words"),
        ("hex", b"abcd", "abcd"),
        ("shift_jis", "吾輩は猫である".encode("shift_jis"), "吾輩は猫である"),
        ("nothing-known", "Größe".encode(), "Größe"),
    ],
)
def test_a_declared_encoding_is_read_as_browsers_do(declared: str, content: bytes, text: str) -> None:
    page = b'<meta charset="%s"><p>%s</p>' % (declared.encode(), content)
    assert read_bytes(page, "a.html").text == text


def test_an_element_left_out_that_never_ends_is_told() -> None:
    found = read_bytes(b"<head><title>T</title><body><p>visible</p>\n<nav><a>x</a>\n<p>words</p>", "a.html")
    assert found.text == "visible" and list(found.warnings) == [
        "<nav> of line 2 has no end: what follows it was left out"
    ]


def test_an_entity_may_hold_the_end_of_what_declares_it() -> None:
    page = b'<!DOCTYPE html [\n<!-- it\'s --><!ENTITY b "]>ccc">\n] >\n<html><body><p>words</p></body></html>'
    found = read_bytes(page, "a.html")
    assert found.text == "words" and found.place(0) == "line 4"


def test_lines_are_numbered_as_editors_do() -> None:
    for name in ("a.txt", "a.md"):
        found = read_bytes("one\u2028still one\n\n\x0cthree\x0bstill three\r\nfour\rfive".encode(), name)
        assert [found.place(found.text.index(word)) for word in ("one", "three", "four", "five")] == [
            "line 1", "line 3", "line 4", "line 5",
        ]  # fmt: skip


def test_an_old_western_encoding_is_read_and_told() -> None:
    text = "Où l'Été s'achève, à Orléans, où la fée évoquée a créé l'éternité même."
    found = read_bytes(text.encode("cp1252"), "a.txt")
    assert found.text == text and list(found.warnings) == ["no valid UTF-8: read as Windows-1252"]


def test_words_that_a_pdf_breaks_are_made_whole_and_its_lines_stay_lines() -> None:
    """pdfium has a mark of its own for a hyphen at a line's end, in the place of the end."""
    lines = [
        "The quick brown fox was well known near the river, and its well-",
        "known friends have gathered to celebrate the extraordi-",
        "nary event that took place in the old town, where people meet.",
    ]
    whole = "its well-known friends have gathered to celebrate the extraordinary event that"
    for content, heads in ((as_pdf(["\n".join(lines)], justified=False), 2), ("\n".join(lines).encode(), 0)):
        found = read_bytes(content, "a.pdf" if heads else "a.txt")
        assert whole in found.text and found.mended["hyphenated words"] == 2
        assert len(found.paragraphs) == 1 + heads and len(found.lines) == 3 + heads
