"""Reading what a batch would take, before it begins: in threads apart, one of an owner at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import Event
from weakref import WeakValueDictionary

from probe.wanted import while_wanted
from server.work.stages import Abandoned

_THREADS = ThreadPoolExecutor(4, "counting")  # not those of the event loop, which all other routes share
_TURNS = WeakValueDictionary[str, asyncio.Lock]()


async def counted(owner: str, work: Callable[[], int]) -> int:
    """Returns what `work` gives. Where the caller is cancelled it ends at its next row."""
    gone = Event()

    def ask() -> None:
        if gone.is_set():
            raise Abandoned

    def run() -> int:
        with while_wanted(ask):
            return work()

    turn = _TURNS.setdefault(owner, asyncio.Lock())
    async with turn:
        try:
            return await asyncio.get_running_loop().run_in_executor(_THREADS, copy_context().run, run)
        finally:
            gone.set()
