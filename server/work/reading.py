"""Who has a document read, and when: few readers, which take the machine's time and memory and nobody else's.

Of an owner one document is read at a time and some wait; who sends more is refused. One that nobody waits for any more,
since its client is gone or the service ends, is given up at once.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import TypeVar

from probe.errors import Busy
from server.work.stages import Stages

READERS = 2  # at once; each may take as much memory as probe/documents/limits.py says
MOST_OWN = 4  # documents of an owner, the one that is read among them
_LATER = 10  # seconds after which to ask again
T = TypeVar("T")


class Reading:
    """The readers of one service."""

    def __init__(self) -> None:
        names = [f"reader-{number}" for number in range(READERS)]
        self._stages, self._free = Stages(names), asyncio.Queue[str]()
        for name in names:
            self._free.put_nowait(name)
        self._own, self._turns = Counter[str](), defaultdict[str, asyncio.Lock](asyncio.Lock)

    async def run(self, owner: str, work: Callable[[], T]) -> T:
        """Runs `work` when its turn comes. Raises Busy. Where the caller is cancelled, it ends at its next look."""
        if self._own[owner] >= MOST_OWN:
            raise Busy(f"{MOST_OWN} documents of yours are being read already; send the next when one is.", _LATER)
        self._own[owner] += 1
        try:
            async with self._turns[owner]:  # an owner who sends many stands once in the line of all
                return await self._read(work)
        finally:
            self._own[owner] -= 1
            if not self._own[owner]:
                del self._own[owner], self._turns[owner]

    async def _read(self, work: Callable[[], T]) -> T:
        name = await self._free.get()
        try:
            return await self._stages.on(name, work)
        finally:
            self._free.put_nowait(name)

    def stop(self, seconds: float) -> bool:
        """Returns whether the threads ended in that time."""
        return self._stages.stop(seconds)
