"""The answer to a question that may take long: what was found in time, else nothing; never asked twice at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from probe.errors import MemprobeError

T = TypeVar("T")


class Lately(Generic[T]):
    """Asks in a thread that keeps nobody waiting: a database that is away answers after minutes."""

    def __init__(self, ask: Callable[[], T], seconds: float) -> None:
        self._ask, self._seconds = ask, seconds
        self._thread: threading.Thread | None = None
        self._found: T | None = None
        self._lock = threading.Lock()

    def __call__(self) -> T | None:
        """Returns None where there is no answer in time, or none at all."""
        with self._lock:
            thread = self._begun()
        thread.join(self._seconds)
        return None if thread.is_alive() else self._found

    def _begun(self) -> threading.Thread:
        if self._thread is None or not self._thread.is_alive():
            self._found = None
            self._thread = threading.Thread(target=self._run, name="lately", daemon=True)
            self._thread.start()
        return self._thread

    def _run(self) -> None:
        try:
            self._found = self._ask()
        except MemprobeError:
            self._found = None
