"""The page at / and the interface at /docs: static files that ask this service alone."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Response

from probe.errors import UnknownName
from probe.untold import called

router = APIRouter(include_in_schema=False)
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
_FILES = {path.name: path for path in (files("server") / "web").iterdir() if path.name.rpartition(".")[2] in _TYPES}


@router.get("/")
def home() -> Response:
    return page("index.html")


@router.api_route("/docs", methods=["GET", "HEAD"])
def docs() -> Response:
    return page("docs.html")


@router.get("/web/{name}")
def page(name: str) -> Response:
    """Raises UnknownName."""
    if name not in _FILES:
        raise UnknownName(f"No file {called(name)} belongs to the page.", "name")
    kind = _TYPES[name.rpartition(".")[2]]
    headers = {"Cache-Control": "no-cache"}
    return Response(_FILES[name].read_bytes(), media_type=f"{kind}; charset=utf-8", headers=headers)
