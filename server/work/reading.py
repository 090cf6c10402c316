"""Who has a document or a batch's rows read, and when: few readers, which take the machine's time and memory and nobody
else's, none of them threads of the event loop, which all routes share.

Of an owner one is read at a time and others wait; where there is a most, who sends more is refused. One that nobody
waits for any more, since its client is gone or the service ends, is given up at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar
from weakref import WeakValueDictionary

from server.work.places import Places
from server.work.stages import Stages

READERS = 2  # of documents, at once; each may take as much memory as probe/documents/limits.py says
MOST_OWN = 4  # documents of an owner, the one that is read among them
_FULL = f"{MOST_OWN} documents of yours are being read already; send the next when one is."
T = TypeVar("T")


class Reading:
    """Some readers of one service."""

    def __init__(self, name: str = "reader", many: int = READERS, most_own: int | None = MOST_OWN) -> None:
        """name: of the threads. most_own: of an owner, read and waiting; None for no such limit."""
        names = [f"{name}-{number}" for number in range(many)]
        self._stages, self._free = Stages(names), asyncio.Queue[str]()
        for one in names:
            self._free.put_nowait(one)
        self._places = None if most_own is None else Places(most_own, _FULL, 10)
        self._turns = WeakValueDictionary[str, asyncio.Lock]()  # of owners of whom some are read or wait

    async def run(self, owner: str, work: Callable[[], T]) -> T:
        """Runs `work` when its turn comes. Raises Busy. Where the caller is cancelled, it ends at its next look."""
        with self._place(owner):
            turn = self._turns.setdefault(owner, asyncio.Lock())
            async with turn:  # an owner who sends many stands once in the line of all
                return await self._read(work)

    def _place(self, owner: str) -> AbstractContextManager[None]:
        return self._places.one(owner) if self._places else nullcontext()

    async def _read(self, work: Callable[[], T]) -> T:
        name = await self._free.get()
        try:
            return await self._stages.on(name, work)
        finally:
            self._free.put_nowait(name)

    def stop(self, seconds: float) -> bool:
        """Returns whether the threads ended in that time."""
        return self._stages.stop(seconds)
