"""Every error as OpenAI's envelope: {"error": {"message", "type", "param", "code"}}, and no caller's text in it."""

from __future__ import annotations

import logging
import re
from errno import EDQUOT, ENOSPC
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from probe.errors import (
    Busy,
    FingerprintMismatch,
    InputError,
    MemprobeError,
    NoRoom,
    Overlap,
    OverQuota,
    Spent,
    Uncounted,
    UnknownName,
)  # fmt: skip
from probe.logs import described
from probe.scans.room import FULL
from server.operation.asked import request_id

_INPUT = 'must be a text, a list of texts, or a list of {"id", "text"}'
_NO_JSON = "The body is not valid JSON."
JSON, FORM = "application/json", "multipart/form-data"
_FIELD = re.compile("[a-z_]+")
_SOON = {"Retry-After": "5"}
_LOG = logging.getLogger(__name__)
_STATUS: tuple[tuple[type[MemprobeError], int, str], ...] = (
    (UnknownName, 404, "not_found"),
    (Overlap, 409, "cohort_overlap"),
    (Spent, 403, "budget_spent"),
    (InputError, 422, "invalid_value"),
    (FingerprintMismatch, 409, "fingerprint_mismatch"),
    (OverQuota, 429, "quota"),
    (Busy, 429, "queue_full"),
    (Uncounted, 503, "quota_unreachable"),
    (MemprobeError, 500, "server_error"),
)
_HTTP = {
    404: "not_found", 405: "method_not_allowed", 413: "body_too_large", 415: "unsupported_encoding", 507: "disk_full",
}  # fmt: skip


def install(app: FastAPI) -> None:
    """Makes one handler per kind of error; nothing else in the service builds an error answer."""
    app.add_exception_handler(MemprobeError, _known)
    app.add_exception_handler(NoRoom, _no_room)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def envelope(
    status: int, message: str, code: str, param: str | None = None, headers: dict[str, str] | None = None
) -> JSONResponse:
    kind = "server_error" if status >= 500 else "rate_limit_error" if status == 429 else "invalid_request_error"
    body = {"error": {"message": _encodable(message), "type": kind, "param": param and _encodable(param), "code": code}}
    return JSONResponse(body, status, headers)


def _encodable(text: str) -> str:
    """An unknown name may hold an unpaired surrogate."""
    return text.encode("utf-8", "backslashreplace").decode()


def unexpected() -> JSONResponse:
    """The answer where something failed that nobody foresaw."""
    return envelope(500, f"An internal error; the service's log names it under request {request_id()}.", "server_error")


def late(seconds: float) -> JSONResponse:
    """The answer to a request that takes too long."""
    message = (
        f"This took longer than {seconds:g} seconds and was given up. Send fewer or shorter texts per request, or many "
        "texts as a batch (POST /v1/batches); the operator may raise MEMPROBE_REQUEST_SECONDS."
    )
    return envelope(504, message, "request_timeout")


def ending() -> JSONResponse:
    """The answer to a request that the end of the service cuts off."""
    return envelope(503, "The service is being ended; ask again in a moment.", "service_ending", headers=_SOON)


def crowded() -> JSONResponse:
    """The answer to a connection beyond those that the service holds at once."""
    message = "Too many connections; try again in a second, or send larger requests over fewer of them."
    return envelope(429, message, "too_many_connections", headers={"Retry-After": "1", "Connection": "close"})


def known(error: MemprobeError) -> JSONResponse:
    """The answer to an error of ours."""
    status, code = next((status, code) for kind, status, code in _STATUS if isinstance(error, kind))
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, Busy | Uncounted) else None
    if status >= 500:
        _LOG.error("A request failed.", extra={"facts": {"error": described(error)}})
        return envelope(status, f"{error} The service's log names request {request_id()}.", code, headers=headers)
    return envelope(status, str(error), code, getattr(error, "param", None), headers)


async def _known(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, MemprobeError)
    return known(error)


async def _no_room(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, NoRoom)
    return envelope(413, str(error), "owner_full") if error.owners else envelope(507, str(error), "disk_full")


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first: dict[str, Any] = error.errors()[0]
    if first["type"] == "json_invalid":
        return envelope(400, _NO_JSON, "invalid_json")
    if first["loc"][:1] == ("body",) and (kind := _unlike(request)):
        return envelope(415, f"Send the body with Content-Type: {kind}.", "unsupported_content_type")
    if first["loc"] == ("body",) and first["type"] == "missing":
        return envelope(422, "The body is empty.", "invalid_value")
    param = _param(max((one["loc"] for one in error.errors()), key=len))
    message = _INPUT if first["loc"][1:2] == ("input",) and first["type"] != "missing" else first["msg"]
    return envelope(422, f"{param or 'body'}: {message}.", "invalid_value", param)


def _unlike(request: Request) -> str | None:
    """Returns the type that the route takes its body as, where the request's is another."""
    field = getattr(request.scope.get("route"), "body_field", None)
    kind: str | None = getattr(field and field.field_info, "media_type", None)
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind if kind in (JSON, FORM) and given != kind and not (kind == JSON and given.endswith("+json")) else None


def _param(place: tuple[str | int, ...]) -> str | None:
    """Returns the field's path, without the names that pydantic gives to the branches of a union."""
    parts = [str(part) for part in place if isinstance(part, int) or _FIELD.fullmatch(part)]
    return ".".join(part for part in parts if part not in ("body", "query", "path", "str")) or None


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 400 and isinstance(error.__cause__, OSError):  # of an upload that is put down
        return _unwritten(error.__cause__)
    if error.status_code == 400 and error.__cause__ is not None:  # FastAPI's, of bodies that its parser chokes on
        return envelope(400, _NO_JSON, "invalid_json")
    if error.status_code == 405:
        error.headers = {**(error.headers or {}), "Allow": _allowed(request)}
    return refusal(error)


def _unwritten(error: OSError) -> JSONResponse:
    """The answer to an upload that the disk of temporary files does not take."""
    _LOG.error(
        "An upload cannot be written to the folder of temporary files.", extra={"facts": {"error": described(error)}}
    )
    return envelope(507, FULL, "disk_full") if error.errno in (ENOSPC, EDQUOT) else unexpected()


def refusal(error: HTTPException) -> JSONResponse:
    """Returns what an error of HTTP's own is answered with."""
    code = _HTTP.get(error.status_code, "http_error")
    return envelope(error.status_code, f"{error.detail.rstrip('.')}.", code, headers=dict(error.headers or {}))


def _allowed(request: Request) -> str:
    """Returns the methods of all routes of this path; the error knows those of the first one only."""
    found = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
    return ", ".join(sorted({method for route in found for method in getattr(route, "methods", None) or ()}))


async def _unknown(request: Request, error: Exception) -> JSONResponse:
    return unexpected()
