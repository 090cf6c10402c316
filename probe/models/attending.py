"""The attention of packs (packed.py) before transformers' own: it is asked while a pack is scored, and whatever else is
done with a model, meanwhile in another thread or afterwards, goes by what it was.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from probe.models.packed import attend, packing

_OWN = "sdpa"  # what transformers gives a model that is not told otherwise, where its code allows it
Function = Callable[..., Any]


def attends(config: Any) -> bool:
    """True for a model of this configuration that attends by what ours stands before."""
    _place()
    return getattr(config, "_attn_implementation", None) == _OWN


@cache
def _place() -> None:
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    AttentionInterface.register(_OWN, _either(attend, ALL_ATTENTION_FUNCTIONS[_OWN]))
    AttentionMaskInterface.register(_OWN, _either(_no_mask, ALL_MASK_ATTENTION_FUNCTIONS[_OWN]))


def _either(ours: Function, plain: Function) -> Function:
    @wraps(plain)
    def either(*arguments: Any, **named: Any) -> Any:
        return (ours if packing() else plain)(*arguments, **named)

    return either


def _no_mask(*_: Any, **__: Any) -> None:
    """A pack does without."""
