"""The attention of packs (packed.py), which a model has while a pass runs: its code stays its own, and so does what it
is afterwards, wherever it is sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

from probe.models.packed import attend, mask

_NAME = "memprobe_packed"
_lock = Lock()
_lent: dict[int, tuple[str, int]] = {}  # by configuration: its own attention, and how many passes run


@contextmanager
def attending(model: Any) -> Iterator[None]:
    """Within the block a model of transformers has it; several threads may be within. Raises AttributeError for models
    that cannot be told which attention is theirs.
    """
    _register()
    config = model.config.get_text_config()
    with _lock:
        own, passes = _lent.get(id(config), (config._attn_implementation_internal, 0))
        _lent[id(config)] = own, passes + 1
        config._attn_implementation_internal = _NAME
    try:
        yield
    finally:
        with _lock:
            own, passes = _lent.pop(id(config))
            if passes > 1:
                _lent[id(config)] = own, passes - 1
            else:
                config._attn_implementation_internal = own


@cache
def _register() -> None:
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(_NAME, attend)
    AttentionMaskInterface.register(_NAME, mask)
