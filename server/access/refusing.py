"""The answers to who has asked, or keeps, as much as they may."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from probe.errors import NoRoom, OverQuota
from server.errors import envelope


def install(app: FastAPI) -> None:
    """Has what a route refuses for a key's sake answered as what the guard refuses is; and uploads without room."""
    app.add_exception_handler(OverQuota, _over_quota)
    app.add_exception_handler(NoRoom, _no_room)


def over_quota(error: OverQuota) -> JSONResponse:
    """429, with when to come again."""
    return envelope(429, str(error), "quota", headers={"Retry-After": str(error.retry_after)})


async def _over_quota(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, OverQuota)
    return over_quota(error)


async def _no_room(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, NoRoom)
    return envelope(413, str(error), "owner_full") if error.owners else envelope(507, str(error), "disk_full")
