"""The answer to a key that has asked as much as it may."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from probe.errors import OverQuota
from server.errors import envelope


def install(app: FastAPI) -> None:
    """Has what a route refuses for a key's sake answered as what the guard refuses is."""
    app.add_exception_handler(OverQuota, _over_quota)


def over_quota(error: OverQuota) -> JSONResponse:
    """429, with when to come again."""
    return envelope(429, str(error), "quota", headers={"Retry-After": str(error.retry_after)})


async def _over_quota(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, OverQuota)
    return over_quota(error)
