"""The page at /: static files, under a policy that lets nothing else in."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Response

from probe.errors import UnknownName
from probe.untold import called

router = APIRouter(include_in_schema=False)
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
_FILES = {path.name: path for path in (files("server") / "web").iterdir() if path.name.rpartition(".")[2] in _TYPES}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache",
}  # fmt: skip


@router.get("/")
def home() -> Response:
    return page("index.html")


@router.get("/web/{name}")
def page(name: str) -> Response:
    """Raises UnknownName."""
    if name not in _FILES:
        raise UnknownName(f"No file {called(name)} belongs to the page.", "name")
    kind = _TYPES[name.rpartition(".")[2]]
    return Response(_FILES[name].read_bytes(), media_type=f"{kind}; charset=utf-8", headers=_HEADERS)
