"""Who has a document read, and when: few readers, which take the machine's time and memory and nobody else's.

Of an owner one document is read at a time and some wait; who sends more is refused. One that nobody waits for any more,
since its client is gone or the service ends, is given up at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar
from weakref import WeakValueDictionary

from server.work.places import Places
from server.work.stages import Stages

READERS = 2  # at once; each may take as much memory as probe/documents/limits.py says
MOST_OWN = 4  # documents of an owner, the one that is read among them
_FULL = f"{MOST_OWN} documents of yours are being read already; send the next when one is."
T = TypeVar("T")


class Reading:
    """The readers of one service."""

    def __init__(self) -> None:
        names = [f"reader-{number}" for number in range(READERS)]
        self._stages, self._free = Stages(names), asyncio.Queue[str]()
        for name in names:
            self._free.put_nowait(name)
        self._places = Places(MOST_OWN, _FULL, 10)
        self._turns = WeakValueDictionary[str, asyncio.Lock]()  # of owners of whom some are read or wait

    async def run(self, owner: str, work: Callable[[], T]) -> T:
        """Runs `work` when its turn comes. Raises Busy. Where the caller is cancelled, it ends at its next look."""
        with self._places.one(owner):
            turn = self._turns.setdefault(owner, asyncio.Lock())
            async with turn:  # an owner who sends many stands once in the line of all
                return await self._read(work)

    async def _read(self, work: Callable[[], T]) -> T:
        name = await self._free.get()
        try:
            return await self._stages.on(name, work)
        finally:
            self._free.put_nowait(name)

    def stop(self, seconds: float) -> bool:
        """Returns whether the threads ended in that time."""
        return self._stages.stop(seconds)
