"""Whether long work is still wanted: engines and passes ask between two steps, whoever ordered the work answers.

Work that nobody asks about (a library call) is always wanted. What is asked belongs to the thread's context, so that it
need not be handed through every signature; whoever moves work to another thread takes the context along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Ask = Callable[[], None]  # returns where the work is wanted, else raises


def _always() -> None:
    """Nobody ended it."""


_asked: ContextVar[Ask] = ContextVar("wanted", default=_always)


def still_wanted() -> None:
    """Raises what whoever ordered the work raises, where it is wanted no more."""
    _asked.get()()


def asked() -> Ask:
    """Returns the question itself, for steps in threads of their own."""
    return _asked.get()


@contextmanager
def while_wanted(ask: Ask) -> Iterator[None]:
    """Within the block this is asked too, after what was asked outside of it."""
    outer = _asked.get()

    def both() -> None:
        outer()
        ask()

    token = _asked.set(both)
    try:
        yield
    finally:
        _asked.reset(token)
