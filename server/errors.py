"""Every error as OpenAI's envelope: {"error": {"message", "type", "param", "code"}}, and no caller's text in it."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from probe.errors import Busy, FingerprintMismatch, InputError, MemprobeError, Overlap, Spent, UnknownName

_INPUT = 'must be a text, a list of texts, or a list of {"id", "text"}'
_FIELD = re.compile("[a-z_]+")
_STATUS: tuple[tuple[type[MemprobeError], int, str], ...] = (
    (UnknownName, 404, "not_found"),
    (Overlap, 409, "cohort_overlap"),
    (Spent, 403, "budget_spent"),
    (InputError, 422, "invalid_value"),
    (FingerprintMismatch, 409, "fingerprint_mismatch"),
    (Busy, 429, "queue_full"),
    (MemprobeError, 500, "server_error"),
)


def install(app: FastAPI) -> None:
    """Makes one handler per kind of error; nothing else in the service builds an error answer."""
    app.add_exception_handler(MemprobeError, _known)
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


async def _known(request: Request, error: Exception) -> JSONResponse:
    status, code = next((status, code) for kind, status, code in _STATUS if isinstance(error, kind))
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, Busy) else None
    return envelope(status, str(error), code, getattr(error, "param", None), headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first: dict[str, Any] = error.errors()[0]
    if first["type"] == "json_invalid":
        return envelope(400, "The body is not valid JSON.", "invalid_json")
    param = _param(max((one["loc"] for one in error.errors()), key=len))
    message = _INPUT if first["loc"][1:2] == ("input",) and first["type"] != "missing" else first["msg"]
    return envelope(422, f"{param or 'body'}: {message}.", "invalid_value", param)


def _param(place: tuple[str | int, ...]) -> str | None:
    """Returns the field's path, without the names that pydantic gives to the branches of a union."""
    parts = [str(part) for part in place if isinstance(part, int) or _FIELD.fullmatch(part)]
    return ".".join(part for part in parts if part not in ("body", "query", "path", "str")) or None


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    return envelope(error.status_code, f"{error.detail}.", code, headers=dict(error.headers or {}))


def internal() -> JSONResponse:
    """Returns the answer to what no handler knows (quiet.py)."""
    return envelope(500, "An internal error; the service's log names it.", "server_error")
