"""Work made ready while the work before it is done."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")


def ahead(function: Callable[[S], T], items: Iterable[S]) -> Iterator[T]:
    """Yields function(item) in order; the next one is made in a thread while the caller uses this one."""
    with ThreadPoolExecutor(1) as pool:
        made: deque[Future[T]] = deque()
        for item in items:
            made.append(pool.submit(function, item))
            if len(made) > 1:
                yield made.popleft().result()
        if made:
            yield made.popleft().result()
