"""Batches side by side on a CPU: a core that runs a batch of its own waits for no other at every operation.

A model of few parameters is hundreds of small operations a batch, and cores that share each of them meet at the end of
each. Threads are enough, since torch lets go of the interpreter while it computes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import cache
from itertools import count
from threading import Barrier, Lock
from typing import TypeVar

import torch

_ONE = Lock()  # makes lanes: meanwhile torch's common number is a lane's
_MOST = 4  # lanes: each holds the activations of a batch
T = TypeVar("T")
R = TypeVar("R")


class Lanes:
    """Some threads, among which torch's are divided."""

    def __init__(self, threads: int) -> None:
        self.many = max(1, min(threads, _MOST))
        self._pool = ThreadPoolExecutor(self.many, "lane")
        if self.many > 1:
            self._divide(threads)

    def map(self, work: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """Returns what `work` says of each item, begun in their order. Raises what it raises, the first of it."""
        if self.many == 1 or len(items) < self.many:  # all threads for one after the other
            return [work(item) for item in items]
        return side_by_side(self._pool, self.many, work, items)

    def _divide(self, threads: int) -> None:
        """Gives each lane its share: torch has a number for each thread, and one for those that begin."""
        together = Barrier(self.many)

        def begin(number: int) -> None:
            torch.get_num_threads()  # else it takes the common number when it first works
            torch.set_num_threads(threads // self.many + (number < threads % self.many))
            together.wait()

        try:
            wait([self._pool.submit(begin, number) for number in range(self.many)])
        finally:
            torch.set_num_threads(threads)


def side_by_side(pool: ThreadPoolExecutor, many: int, work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Returns what `work` says of each item, in order; so many are worked at, in the caller's context.

    Raises the first that `work` raises, once those that were begun have ended; no more are begun then.
    """
    found: dict[int, R] = {}
    failed: list[BaseException] = []
    places = count()

    def lane() -> None:
        while not failed and (place := next(places)) < len(items):
            try:
                found[place] = work(items[place])
            except BaseException as error:  # of whatever kind: the caller is told
                failed.append(error)

    try:
        wait([pool.submit(copy_context().run, lane) for _ in range(many)])
    except BaseException as error:  # Ctrl-C, also before all have begun: none begins another item
        failed.append(error)
        raise
    if failed:
        raise failed[0]
    return [found[place] for place in range(len(items))]


def lanes(threads: int) -> Lanes:
    """Returns those of this process, for so many of torch's threads."""
    with _ONE:
        return _made(threads)


@cache
def _made(threads: int) -> Lanes:
    return Lanes(threads)


def _begin_anew() -> None:
    """In a forked process, where threads do not go along."""
    _made.cache_clear()
    _ONE.release()


os.register_at_fork(before=_ONE.acquire, after_in_parent=_ONE.release, after_in_child=_begin_anew)
