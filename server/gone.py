"""Ends the work of a request whose client has gone: nobody would read the answer, and others wait for the models."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request
from starlette.exceptions import HTTPException

T = TypeVar("T")
CLOSED = 499  # nginx's, for what nobody is there to see


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Returns what the work gives. Raises HTTPException where the client went away before, and ends the work."""
    task, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_leaving(request))
    try:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise HTTPException(CLOSED, "The client went away")
        return await task
    finally:
        for one in (task, leaving):
            one.cancel()
        await asyncio.gather(task, leaving, return_exceptions=True)


async def _leaving(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
