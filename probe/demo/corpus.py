"""The English documentation that every CPython carries, as whitespace-normalised paragraphs.

Knows: where `pydoc_data.topics`, the standard library's docstrings and its comments are. Python sources are
parsed, never run; only extension modules are imported, for their docstrings. Knows nothing of tokens or models.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# Distributions may leave these out, so nothing that has to be found again may come from them.
OPTIONAL = frozenset("test tests idlelib lib2to3 tkinter turtledemo ensurepip".split())
# Gone in 3.12 or 3.13 (PEP 594, 632): texts of theirs would be absent from newer interpreters.
REMOVED = frozenset(
    "aifc asynchat asyncore audioop cgi cgitb chunk crypt distutils imghdr imp mailcap msilib nis nntplib "
    "ossaudiodev pipes smtpd sndhdr spwd sunau telnetlib uu xdrlib".split()
)
GENERATED = frozenset(["encodings"])  # a hundred docstrings of one template are near-copies that share few shingles
_SITE = frozenset(("site-packages", "dist-packages", "__pycache__"))
_PRIVATE_EXTENSIONS = re.compile(r"_?test|xx|_ctypes_test|_tkinter")


class Document(NamedTuple):
    """One topic, docstring or run of comment lines; `place` is `topic:NAME` or a dotted name."""

    place: str
    paragraphs: tuple[str, ...]


def documents() -> Iterator[Document]:
    """Yields the topics and docstrings that any build of this interpreter carries, in a stable order."""
    yield from _topics()
    for path, module in _sources():
        if not OPTIONAL.intersection(module.split(".")):
            yield from _docstrings(path, module)
    yield from _extension_docstrings()


def background() -> Iterator[Document]:
    """Yields what need not be found again: comments, and the docstrings of optional packages."""
    for path, module in _sources():
        if OPTIONAL.intersection(module.split(".")):
            yield from _docstrings(path, module)
        yield from _comments(path, module)


def normalise(text: str) -> str:
    """Collapses every run of white space to one blank."""
    return " ".join(text.split())


def is_stable(place: str) -> bool:
    """True where the text of this place is expected on newer interpreters too, and is written, not filled in."""
    return place.split(".", maxsplit=1)[0] not in REMOVED | GENERATED


def _topics() -> Iterator[Document]:
    from pydoc_data.topics import topics

    for name, text in sorted(topics.items()):
        yield _document(f"topic:{name}", text)


def _sources() -> Iterator[tuple[Path, str]]:
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if not _SITE.intersection(parts) and parts[0] != "pydoc_data":
            yield path, ".".join(part for part in parts if part != "__init__") or "__init__"


def _docstrings(path: Path, module: str) -> Iterator[Document]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a SyntaxWarning about an escape in the library is not ours to show
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # the test suite holds broken files on purpose
        return
    yield from _walk(tree, module)


def _walk(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, place: str) -> Iterator[Document]:
    if text := ast.get_docstring(node):
        yield _document(place, text)
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _walk(child, f"{place}.{child.name}")


def _comments(path: Path, module: str) -> Iterator[Document]:
    block: list[str] = []
    for line in [*path.read_text("utf-8", errors="ignore").splitlines(), ""]:
        stripped = line.strip()
        if stripped.startswith("#"):
            block.append(stripped.lstrip("#"))
        elif block:
            yield _document(module, "\n".join(block))
            block = []


def _extension_docstrings() -> Iterator[Document]:
    dynamic = Path(sysconfig.get_paths()["stdlib"]) / "lib-dynload"
    names = {path.name.split(".")[0] for path in dynamic.glob("*")} | set(sys.builtin_module_names)
    seen: set[str] = set()
    for name in sorted(name for name in names if not _PRIVATE_EXTENSIONS.match(name)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # some are on their way out
                module = importlib.import_module(name)
        except ImportError:  # built without the C library it wraps
            continue
        yield from _members(module, name, seen)


def _members(value: object, place: str, seen: set[str]) -> Iterator[Document]:
    text = getattr(value, "__doc__", None)
    if isinstance(text, str) and text not in seen:
        seen.add(text)
        yield _document(place, text)
    if inspect.ismodule(value) or (isinstance(value, type) and place.count(".") < 2):
        for name, member in sorted(vars(value).items(), key=lambda item: item[0]):
            if not inspect.ismodule(member):
                yield from _members(member, f"{place}.{name}", seen)


def _document(place: str, text: str) -> Document:
    paragraphs = (normalise(part) for part in re.split(r"\n\s*\n", text))
    return Document(place, tuple(part for part in paragraphs if part))
