"""The end of a service: when it began, and how long open work may take from then on."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field


@dataclass
class Ending:
    """grace: seconds that open requests, and then the job that runs, may take to finish."""

    grace: float = 10.0
    _begun: float | None = None
    _told: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self) -> None:
        """Ends streams, and makes the service unready."""
        if self._begun is None:
            self._begun = time.monotonic()
            self._told.set()

    @property
    def begun(self) -> bool:
        return self._begun is not None

    @property
    def left(self) -> float:
        """Seconds of the grace that are left; all of them before the end began."""
        return self.grace if self._begun is None else max(0.0, self._begun + self.grace - time.monotonic())

    async def within(self, seconds: float) -> bool:
        """Waits so long; returns whether the end began meanwhile, and then at once."""
        try:
            await asyncio.wait_for(self._told.wait(), seconds)
        except TimeoutError:
            return False
        return True
