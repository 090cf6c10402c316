"""Norms, gates and rotary positions by pointwise.py, where models write each out as several passes over memory.

Models of one family share their code: what a class or a file says is tried once against ours, and where both say the
same, ours is asked first. That is so while texts are scored: training, generation, and whatever else is done with the
model, or with others of its family, goes by their own code.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from functools import partial, wraps
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module, SiLU

from probe.models.pointwise import Pointwise, pointwise

ROTARY = "apply_rotary_pos_emb"
_scoring: ContextVar[bool] = ContextVar("scoring", default=False)
_PLAIN = "memprobe_plain"  # of a function that stands before another: the other
_FAILURES = (TypeError, RuntimeError, ValueError, IndexError, AttributeError)  # of a function of another signature
Function = Callable[..., Any]
Samples = Iterator[tuple[Any, ...]]  # arguments


@contextmanager
def by_ours() -> Iterator[None]:
    """Within the block texts are scored."""
    token = _scoring.set(True)
    try:
        yield
    finally:
        _scoring.reset(token)


@torch.inference_mode()
def fuse_body(model: Any) -> None:
    """Puts ours before what its classes and files say, where that is the same."""
    by = pointwise()
    if by is None:
        return
    parts = {type(part): part for part in model.modules() if not hasattr(part, "_hf_hook")}
    for kind, part in parts.items():
        if _is_norm(part):
            _place(kind, "forward", partial(_norm, by), _norms(part))
        elif _is_gated(part):
            _place(kind, "forward", partial(_gate, by), _gates(part))
    for module in {kind.__module__ for kind in parts}:
        _place(sys.modules.get(module), ROTARY, partial(_rotate, by), _rotations())


def _place(owner: Any, name: str, ours: Function, samples: Samples) -> None:
    plain = getattr(owner, name, None)
    if plain is None or hasattr(plain, _PLAIN):
        return
    try:
        same = all(_same(ours(*sample), plain(*sample)) for sample in samples)
    except _FAILURES:
        return
    if same:
        setattr(owner, name, _either(plain, ours))


def _either(plain: Function, ours: Function) -> Function:
    @wraps(plain)
    def either(*arguments: Any, **named: Any) -> Any:
        if _scoring.get():
            try:
                return ours(*arguments, **named)
            except TypeError:  # it takes no such values
                pass
        return plain(*arguments, **named)

    setattr(either, _PLAIN, plain)
    return either


def _same(found: Tensor | tuple[Tensor, ...], expected: Tensor | tuple[Tensor, ...]) -> bool:
    if isinstance(found, tuple):
        return all(_same(*pair) for pair in zip(found, expected, strict=True))
    assert isinstance(expected, Tensor)
    near = 0.02 if found.dtype == torch.bfloat16 else 1e-4
    return found.dtype == expected.dtype and torch.allclose(found, expected, atol=near, rtol=near)


def _is_norm(part: Module) -> bool:
    """True for what has a weight for each value and a number beside it; layer norms of this kind fail the trial."""
    parameters = dict(part.named_parameters())
    theirs = not type(part).__module__.startswith("torch.")
    return theirs and list(parameters) == ["weight"] and parameters["weight"].dim() == 1 and _least(part) is not None


def _least(norm: Any) -> float | None:
    found = getattr(norm, "variance_epsilon", getattr(norm, "eps", None))
    return found if isinstance(found, float) else None


def _norm(by: Pointwise, norm: Any, x: Tensor) -> Tensor:
    least = _least(norm)
    if least is None:
        raise TypeError("the norm adds nothing to the mean square")
    return by.norm(x, norm.weight, least)


def _norms(part: Any) -> Samples:
    copy = deepcopy(part)
    width = len(copy.weight)
    copy.weight.copy_(torch.linspace(0.5, 2, width))
    yield copy, torch.linspace(-4, 4, 3 * width).sin().view(1, 3, width).to(copy.weight.dtype)


def _is_gated(part: Any) -> bool:
    return all(hasattr(part, name) for name in ("gate_proj", "up_proj", "down_proj", "act_fn"))


def _gate(by: Pointwise, mlp: Any, x: Tensor) -> Tensor:
    from transformers.activations import SiLUActivation

    if type(mlp.act_fn) not in (SiLUActivation, SiLU):
        raise TypeError("the gate is not SiLU")
    found: Tensor = mlp.down_proj(by.gate(mlp.gate_proj(x), mlp.up_proj(x)))
    return found


def _gates(part: Any) -> Samples:
    width = part.gate_proj.in_features
    yield part, torch.linspace(-4, 4, 3 * width).sin().view(1, 3, width).to(part.gate_proj.weight.dtype)


def _rotate(by: Pointwise, q: Tensor, k: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
    if not len(q) == len(k) == len(cos) == len(sin) == 1:
        raise TypeError("several rows")
    return by.rotate(q[0], cos[0], sin[0])[None], by.rotate(k[0], cos[0], sin[0])[None]


def _rotations() -> Samples:
    """Queries that differ from value to value."""
    for dtype in (torch.float32, torch.bfloat16):
        q = torch.linspace(-4, 4, 2 * 3 * 32).sin().view(1, 2, 3, 32).to(dtype)
        angles = torch.linspace(0, 3, 3 * 16).view(1, 3, 16).repeat(1, 1, 2)
        yield q, 2 * q, angles.cos().to(dtype), angles.sin().to(dtype)
