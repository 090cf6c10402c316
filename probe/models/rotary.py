"""Rotary positions in one pass, where models write them out as a dozen over queries and keys.

Models of transformers call a function of their file by name. Where that gives what ours gives, ours stands before it
and takes what the processor's matrix units take (attention.py); all else goes on to theirs, training above all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from probe.models.attention import Units, attention_units

NAME = "apply_rotary_pos_emb"
Rotate = Callable[..., tuple[Tensor, Tensor]]


def fuse_rotary(model: Any) -> None:
    """Puts ours before the function that the model's file calls."""
    units = attention_units()
    for name in {type(part).__module__ for part in model.modules()} if units else ():
        module = sys.modules[name]
        plain = getattr(module, NAME, None)
        if units and plain and not isinstance(plain, Rotated) and _same(plain, units):
            setattr(module, NAME, Rotated(plain, units))


class Rotated:
    """A model's function, with ours before it."""

    def __init__(self, plain: Rotate, units: Units) -> None:
        self.plain, self._units = plain, units

    def __call__(
        self, q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, *more: Any, **named: Any
    ) -> tuple[Tensor, Tensor]:
        if more or named or torch.is_grad_enabled() or not _fits(self._units, q, k, cos, sin):
            return self.plain(q, k, cos, sin, *more, **named)
        return self._units.rotate(q[0], cos[0], sin[0])[None], self._units.rotate(k[0], cos[0], sin[0])[None]


def _fits(units: Units, q: Tensor, k: Tensor, cos: Tensor, sin: Tensor) -> bool:
    one_row = len(q) == len(k) == len(cos) == len(sin) == 1 and q.dim() == k.dim() == 4 and cos.dim() == 3
    return one_row and units.takes(q, k) and cos.is_contiguous() and sin.is_contiguous() and cos.dtype == q.dtype


@torch.inference_mode()
def _same(plain: Rotate, units: Units) -> bool:
    """True where both give the same of queries that differ from value to value."""
    q = torch.linspace(-4, 4, 2 * 3 * 32).sin().view(1, 2, 3, 32).bfloat16()
    angles = torch.linspace(0, 3, 3 * 16).view(1, 3, 16).repeat(1, 1, 2)
    cos, sin = angles.cos().bfloat16(), angles.sin().bfloat16()
    try:
        found = plain(q, 2 * q, cos, sin)
    except (TypeError, RuntimeError, ValueError, IndexError):  # of another signature
        return False
    expected = [units.rotate(part, cos[0], sin[0]) for part in (q[0], 2 * q[0])]
    return all(torch.allclose(one[0], other, atol=0.05, rtol=0.02) for one, other in zip(found, expected, strict=True))
