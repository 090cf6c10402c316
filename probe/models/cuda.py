"""Statistics on a CUDA device by the kernels of blocks.py: logits read once, or never written.

A head in half precision and its statistics are one kernel, whose logits are not rounded; where the largest ones are
wanted, or in float32, whose products the device's own library multiplies better, the logits are made and read once.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import torch
from torch import Tensor

from probe.models.checks import wave
from probe.models.streaming import LEAST

HALVES = (torch.bfloat16, torch.float16)
TILE, WARPS = 4096, 16  # logits that one program reads at once, 8 a thread: no register spills
ROWS, COLUMNS, DEPTH, HEAD_WARPS = 64, 128, 64, 8  # of a block of the head
_SPANS = 1 << 12  # programs that fill a device, about
_ROUNDING = 1e-6  # of the sizes that a logit sums up: words that are as likely as the target are not above it


class Blocks:
    """The kernels. Tensors are contiguous and on one device."""

    def __init__(self, kernels: Any, wide: bool = False) -> None:
        """wide: multiplies in float32."""
        self._kernels, self._held, self._wide = kernels, int(kernels.HELD.value), wide

    def of_logits(self, logits: Tensor, targets: Tensor, top: int = 0) -> tuple[Tensor, ...]:
        """Returns logprob, mu, sigma, rank of logits [rows, vocabulary], and the `top` highest log-probabilities.

        targets: int64 [rows], of the vocabulary. At most eight highest.
        """
        if top > self._held:
            raise ValueError(f"the kernel keeps {self._held} logits a row, not {top}")
        rows, vocabulary = logits.shape
        targets = targets.to(logits.device)
        out = torch.empty(rows, 4, dtype=torch.float32, device=logits.device)
        largest = out.new_empty(rows, self._held) if top else out
        if rows:
            with _on(logits.device):
                self._kernels.of_logits[rows,](
                    logits, targets, out, largest, vocabulary, logits.stride(0), tile=TILE, keeps=top > 0,
                    num_warps=WARPS,
                )  # fmt: skip
        logprob, mu, sigma, rank = out.unbind(1)
        found = (logprob, mu, sigma, rank.int())
        return (*found, largest.topk(min(top, vocabulary), dim=1).values) if top else found

    def head(self, weight: Tensor, bias: Tensor | None, hidden: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Returns what streaming.py keeps of each row of hidden, float32 [rows, 5], and its target's logit [rows].

        weight [vocabulary, width], hidden [rows, width] in half precision; targets: int64 [rows], of the vocabulary.
        """
        rows, (vocabulary, width) = len(hidden), weight.shape
        terms = hidden.float() * weight[targets].float()
        limits = terms.sum(1) + _ROUNDING * terms.abs().sum(1)
        limits = limits if bias is None else limits + bias[targets].float()
        blocks = -(-rows // ROWS)
        span = -(-vocabulary // max(1, _SPANS // max(blocks, 1)) // COLUMNS) * COLUMNS
        spans = -(-vocabulary // span)
        out = torch.empty(spans, rows, 6, dtype=torch.float32, device=hidden.device)
        if rows:
            with _on(hidden.device):
                self._kernels.of_head[blocks, spans](
                    weight, weight if bias is None else bias, hidden, targets, limits, out, rows, vocabulary, span,
                    width=width, block=ROWS, tile=COLUMNS, depth=DEPTH, biased=bias is not None, wide=self._wide,
                    num_warps=HEAD_WARPS,
                )  # fmt: skip
        return _merged(out)


def _on(device: torch.device) -> AbstractContextManager[object]:
    """Makes it the current device, on which Triton launches whatever device its tensors are on."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def _merged(parts: Tensor) -> tuple[Tensor, Tensor]:
    """Adds up what is known of each span of the vocabulary; parts [spans, rows, 6]."""
    highest, s0, s1, s2, above, own = parts.unbind(2)
    top = highest.amax(0)
    d = (highest - top).clamp_min(LEAST)
    scale = d.exp()
    sums = (scale * s0, scale * (s1 + d * s0), scale * (s2 + 2 * d * s1 + d.square() * s0))
    return torch.stack([top, *(one.sum(0) for one in sums), above.sum(0)], 1), own.sum(0)


@cache
def blocks_of(device: torch.device) -> Blocks | None:
    """Returns the kernels where this is a CUDA device that runs them and they say what torch says, or None."""
    if device.type != "cuda":
        return None
    try:
        from probe.models import blocks

        found = Blocks(blocks)
        return found if agree(found, device) else None
    except Exception as error:  # no Triton, no compiler for it, a device it does not know: each has errors of its own
        logging.getLogger(__name__).info("Triton's kernels are not used, torch's form is: %s", error)
        return None


def agree(found: Blocks, device: torch.device) -> bool:
    """True where they say what torch says of a small head."""
    weight, hidden = (wave(rows, 96, device=device).bfloat16() for rows in (300, 70))
    targets = torch.arange(70, device=device) * 3
    logits = hidden.float() @ weight.float().T
    state, own = found.head(weight, None, hidden, targets)
    logprob, mu, _, _, top = found.of_logits(logits, targets, 5)
    expected = logits.log_softmax(1)
    told = torch.stack([own - state[:, 0] - state[:, 1].log(), logprob, mu], 1)
    mean = (expected.exp() * expected).sum(1)
    first = expected.gather(1, targets[:, None])[:, 0]
    close = torch.allclose(told, torch.stack([first, first, mean], 1), rtol=1e-3, atol=1e-3)
    return close and torch.allclose(top, expected.topk(5, dim=1).values, rtol=1e-3, atol=1e-3)
