"""Sliding windows: a text longer than the model's context, cut so that every token is scored once.

Windows overlap by half: past the first one a token is scored with at least half a context before it, in the window
that gives it most. Each window starts with the text's own first id when that is BOS.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from probe.errors import InputError
from probe.types import Ints, Tokens

POLICY = "half-overlap"


class Window(NamedTuple):
    """ids: int32 [<= context]; the last `scored` of them are scored by this window."""

    ids: Ints
    scored: int


def cut(tokens: Tokens, context: int, prefix: Sequence[int] = ()) -> list[Window]:
    """Returns the windows of a text; the `scored` of all add up to len(tokens.ids) - 1.

    A prefix stands before the text in every window, in the place of its BOS. Raises InputError where it leaves less
    than half of the context.
    """
    if len(prefix):
        return _behind(np.asarray(prefix, dtype=np.int32), tokens, context)
    ids = tokens.ids
    if len(ids) <= context:
        return [Window(ids, len(ids) - 1)]
    head = ids[:1] if tokens.has_bos else ids[:0]
    stride = max(1, context // 2)
    windows = [Window(ids[:context], context - 1)]
    done = context
    while done < len(ids):
        end = min(len(ids), done + stride)
        body = ids[max(0, end - context + len(head)) : end]
        windows.append(Window(np.concatenate([head, body]), end - done))
        done = end
    return windows


def _behind(prefix: Ints, tokens: Tokens, context: int) -> list[Window]:
    if len(prefix) > context // 2:
        raise InputError(
            f"A prefix of {len(prefix)} tokens leaves less than half of the context of {context}: shorten it.", "prefix"
        )
    drop = int(tokens.has_bos)
    windows = cut(tokens, context - len(prefix) + drop)
    return [Window(np.concatenate([prefix, window.ids[drop:]]), window.scored) for window in windows]
