"""Whether texts are scored: then what stands before a model's own code is asked, and else never."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

_scoring: ContextVar[bool] = ContextVar("scoring", default=False)


def is_scoring() -> bool:
    """False, too, where torch compiles a model, which cannot look at this."""
    return not torch.compiler.is_compiling() and _scoring.get()


@contextmanager
def scoring() -> Iterator[None]:
    """Within the block they are."""
    token = _scoring.set(True)
    try:
        yield
    finally:
        _scoring.reset(token)
