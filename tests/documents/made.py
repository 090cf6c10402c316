"""One text as a file of every kind, as printing and publishing would have it."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from html import escape
from zipfile import ZIP_DEFLATED, ZipFile

from probe.canaries.words import WORDS

CONTAINER = (
    '<?xml version="1.0"?><container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
ROOMY = "A Book of Trials"


def paragraphs(count: int, seed: int = 0) -> list[str]:
    """Returns paragraphs of sentences of common words, from short ones to those that are several passages."""
    dice = random.Random(seed)
    return [" ".join(sentence(dice) for _ in range(dice.choice((1, 3, 5, 9, 25)))) for _ in range(count)]


def sentence(dice: random.Random) -> str:
    return " ".join(dice.choices(WORDS, k=dice.randint(6, 16))).capitalize() + "."


def as_text(texts: Sequence[str], width: int = 70) -> bytes:
    """Lines broken at a width, an empty one between paragraphs."""
    import textwrap

    return "\n\n".join(textwrap.fill(text, width, break_on_hyphens=False) for text in texts).encode()


def as_html(texts: Sequence[str]) -> bytes:
    body = "\n".join(f"<p>{escape(text)}</p>" for text in texts)
    return f"<!doctype html><html><head><title>T</title><style>p {{}}</style></head><body>{body}</body></html>".encode()


def as_epub(texts: Sequence[str], files: int = 3, **more: str | bytes) -> bytes:
    """A chapter per file; more: other files by name, in the place of those of this name."""
    size = -(-len(texts) // files)
    chapters = {f"c{n}.xhtml": as_html(texts[n * size : (n + 1) * size]) for n in range(files)}
    items = "".join(f'<item id="{name}" href="{name}" media-type="application/xhtml+xml"/>' for name in chapters)
    spine = "".join(f'<itemref idref="{name}"/>' for name in chapters)
    opf = f'<package xmlns="http://www.idpf.org/2007/opf"><manifest>{items}</manifest><spine>{spine}</spine></package>'
    every: dict[str, str | bytes] = {"META-INF/container.xml": CONTAINER, "OEBPS/book.opf": opf}
    return zipped(every | {f"OEBPS/{name}": page for name, page in chapters.items()} | more)


def zipped(files: dict[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def as_pdf(texts: Sequence[str], password: str | None = None, justified: bool = True) -> bytes:
    """Pages of paragraphs with a gap between, a running head above and a number below."""
    from fpdf import FPDF

    class Printed(FPDF):
        def header(self) -> None:
            self.set_font("Helvetica", size=9)
            self.cell(0, 8, ROOMY, align="C")
            self.ln(12)

        def footer(self) -> None:
            self.set_y(-15)
            self.set_font("Helvetica", size=9)
            self.cell(0, 8, str(self.page_no()), align="C")

    made = Printed()
    made.set_auto_page_break(True, 20)
    if password:
        made.set_encryption(owner_password=password, user_password=password)
    made.add_page()
    for text in texts:
        made.set_font("Helvetica", size=11)
        made.multi_cell(0, 5, text, align="J" if justified else "L")
        made.ln(4)
    return bytes(made.output())


def blank_pdf(pages: int) -> bytes:
    """Pages without a letter on them, as scans are."""
    from fpdf import FPDF

    made = FPDF()
    for _ in range(pages):
        made.add_page()
    return bytes(made.output())
