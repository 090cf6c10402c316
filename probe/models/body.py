"""Norms, gates and rotary positions by pointwise.py, where models write each out as several passes over memory.

Most models of transformers repeat Llama's code for them, or GPT-NeoX's. Where theirs is that code to the letter, ours
stands before it, and is asked while texts are scored: training, generation, and whatever else is done with the model,
or with others of its family, goes by their own code. What only behaves alike in a trial is left alone: a clamp is not
seen until it clamps, and what one layer of a class does another need not do.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache, partial, wraps
from typing import Any

import torch
from torch import Tensor
from torch.nn import SiLU

from probe.models.checks import untouched, wave
from probe.models.pointwise import Pointwise, pointwise
from probe.models.scoring import is_scoring

ROTARY, _HALF = "apply_rotary_pos_emb", "rotate_half"
_PLAIN = "memprobe_plain"  # of a function that stands before another: the other
_LARGE = 200.0  # of a trial's values: a clamp would be seen
Function = Callable[..., Any]  # None where it does not take what it is given


def fuse_body(model: Any) -> None:
    """Puts ours before what its classes and files say, where that is Llama's code or GPT-NeoX's."""
    for kind in {type(part) for part in model.modules()}:
        _place(kind, "forward")
        module = sys.modules.get(kind.__module__)
        if _code(getattr(module, _HALF, None)) == _half():
            _place(module, ROTARY)


def _place(owner: Any, name: str) -> None:
    plain: Any = getattr(owner, name, None)
    if ours := _ours().get(_code(plain)):
        setattr(owner, name, _either(plain, ours))


def _either(plain: Function, ours: Function) -> Function:
    @wraps(plain)
    def either(*arguments: Any, **named: Any) -> Any:
        found = ours(*arguments, **named) if is_scoring() else None
        return plain(*arguments, **named) if found is None else found

    setattr(either, _PLAIN, plain)
    return either


def _code(function: Any) -> tuple[Any, ...] | None:
    """Returns what a function does, without what is said of it; None for what is none, and where ours stands before."""
    found = getattr(function, "__code__", None)
    if found is None or hasattr(function, _PLAIN):
        return None
    said = tuple(value for value in found.co_consts if not isinstance(value, str))
    names = found.co_names, found.co_varnames, found.co_freevars
    return found.co_code, *names, said, repr(function.__defaults__)  # which need not have a hash


@cache
def _half() -> tuple[Any, ...] | None:
    from transformers.models.llama import modeling_llama as llama

    return _code(llama.rotate_half)


@cache
@torch.inference_mode()
def _ours() -> dict[tuple[Any, ...] | None, Function]:
    """Returns ours by the code of theirs, of which it says the same."""
    from transformers.models.gpt_neox import modeling_gpt_neox as neox
    from transformers.models.llama import LlamaConfig
    from transformers.models.llama import modeling_llama as llama

    if (by := pointwise()) is None:
        return {}
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        norm, mlp = llama.LlamaRMSNorm(32), llama.LlamaMLP(LlamaConfig(hidden_size=32, intermediate_size=48))
    norm, mlp = norm.float(), mlp.float()
    norm.weight.copy_(2 * wave(1, 32, 2)[0])
    x = _LARGE * wave(3, 32, 4)[None]
    q, angles = x[None], 3 * wave(3, 16, 3)[None].repeat(1, 1, 2)
    turned = q, 2 * q, angles.cos(), angles.sin()
    part = q, 2 * q, angles[..., 8:24].cos(), angles[..., 8:24].sin()
    trials: list[tuple[Function, Function, tuple[Any, ...]]] = [
        (llama.LlamaRMSNorm.forward, partial(_norm, by), (norm, x)),
        (llama.LlamaMLP.forward, partial(_gate, by), (mlp, x)),
        (llama.apply_rotary_pos_emb, partial(_rotate, by), turned),
        (neox.apply_rotary_pos_emb, partial(_rotate, by), part),
    ]
    found = {}
    for theirs, ours, sample in trials:
        plain = getattr(theirs, _PLAIN, theirs)
        if _same(ours(*sample), plain(*sample)):
            found[_code(plain)] = ours
    return found


def _same(found: Tensor | tuple[Tensor, ...], expected: Tensor | tuple[Tensor, ...]) -> bool:
    if isinstance(found, tuple):
        return all(_same(*pair) for pair in zip(found, expected, strict=True))
    assert isinstance(expected, Tensor)
    return torch.allclose(found, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


def _norm(by: Pointwise, norm: Any, hidden_states: Tensor) -> Tensor | None:
    takes = by.takes(hidden_states, norm.weight) and norm.weight.shape == hidden_states.shape[-1:]
    return by.norm(hidden_states, norm.weight, norm.variance_epsilon) if takes else None


def _gate(by: Pointwise, mlp: Any, x: Tensor) -> Tensor | None:
    from transformers.activations import SiLUActivation

    if type(mlp.act_fn) not in (SiLUActivation, SiLU) or not untouched(mlp.act_fn) or not by.takes(x):
        return None
    gate, up = mlp.gate_proj(x), mlp.up_proj(x)
    both = by.gate(gate, up) if by.takes(gate, up) and gate.shape == up.shape else mlp.act_fn(gate) * up
    found: Tensor = mlp.down_proj(both)
    return found


def _rotate(
    by: Pointwise, q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, unsqueeze_dim: int = 1
) -> tuple[Tensor, Tensor] | None:
    one_row = unsqueeze_dim == len(q) == len(k) == len(cos) == len(sin) == 1
    if not one_row or not all(by.turns(part[0], cos[0], sin[0]) for part in (q, k)):
        return None
    return by.rotate(q[0], cos[0], sin[0])[None], by.rotate(k[0], cos[0], sin[0])[None]
