"""What a CUDA device runs for cuda.py, in Triton: the statistics of statistics.py, with each logit seen once.

Sums are rebased when a block of logits raises the maximum, as in streaming.py. Logits of minus infinity count for
nothing, and what is not a number comes out as such.
"""

from __future__ import annotations

import triton
import triton.language as tl

NONE = tl.constexpr(float("-inf"))
LEAST = tl.constexpr(-1e4)  # nats below the likeliest: e to that is 0, and 0 times it still a number
HELD = tl.constexpr(8)  # largest logits that are kept: what the device counts in is powers of two


@triton.jit
def of_logits(
    logits, targets, out, largest, vocabulary, stride, tile: tl.constexpr,
    keeps: tl.constexpr,
):  # fmt: skip
    """One row of logits [rows, stride] -> out [rows, 4]: logprob, mu, sigma, rank; keeps: largest [rows, HELD]."""
    row = tl.program_id(0).to(tl.int64)
    logits += row * stride
    own = tl.load(logits + tl.load(targets + row)).to(tl.float32)
    lanes, slots = tl.arange(0, tile), tl.arange(0, HELD)
    held = tl.full([HELD], NONE, tl.float32)
    s0, s1, s2 = (tl.zeros([tile], tl.float32), tl.zeros([tile], tl.float32), tl.zeros([tile], tl.float32))
    above = tl.zeros([tile], tl.int32)
    highest = own
    for begin in range(0, vocabulary, tile):
        z = tl.load(logits + begin + lanes, mask=begin + lanes < vocabulary, other=NONE).to(tl.float32)
        best = tl.max(z, 0)
        raised = tl.maximum(highest, best)
        d = tl.where(highest == NONE, 0.0, highest - raised)
        d = tl.where(d < LEAST, LEAST, d)
        scale, highest = tl.exp(d), raised
        u = z - tl.where(raised == NONE, 0.0, raised)
        u = tl.where(u < LEAST, LEAST, u)
        w = tl.exp(u)
        s2 = scale * (s2 + 2 * d * s1 + d * d * s0) + w * u * u
        s1 = scale * (s1 + d * s0) + w * u
        s0 = scale * s0 + w
        above += (z > own).to(tl.int32)
        if keeps:
            lowest = tl.min(held, 0)
            while best > lowest:
                held = tl.where(slots == tl.argmin(held, 0), best, held)
                z = tl.where(lanes == tl.argmax(z, 0), NONE, z)
                best, lowest = tl.max(z, 0), tl.min(held, 0)
    total = tl.sum(s0, 0)
    first, second = tl.sum(s1, 0) / total, tl.sum(s2, 0) / total
    spread, log_total = second - first * first, tl.log(total)
    out += 4 * row
    tl.store(out, own - highest - log_total)
    tl.store(out + 1, first - log_total)
    tl.store(out + 2, tl.sqrt(tl.where(spread < 0, 0.0, spread)))
    tl.store(out + 3, tl.sum(above, 0).to(tl.float32))  # exact up to 2^24
    if keeps:
        tl.store(largest + HELD * row + slots, held - highest - log_total)


@triton.jit
def of_head(
    weight, bias, hidden, targets, limits, out, rows, vocabulary, span,
    width: tl.constexpr, block: tl.constexpr, tile: tl.constexpr, depth: tl.constexpr, biased: tl.constexpr,
    wide: tl.constexpr,
):  # fmt: skip
    """Some rows of hidden [rows, width] by a span of weight [vocabulary, width]; the logits are never written.

    limits [rows]: about the targets' logits, for ranks. out [spans, rows, 6]: highest, S0, S1, S2, rank, the target's
    logit where the span has it. wide: multiplies in float32, for Triton's interpreter, which knows no bfloat16.
    """
    places = tl.program_id(0) * block + tl.arange(0, block)
    begin = tl.program_id(1) * span
    there, depths, columns = places < rows, tl.arange(0, depth), tl.arange(0, tile)
    target = tl.load(targets + places, mask=there, other=-1)
    limit = tl.load(limits + places, mask=there, other=0.0)
    highest = tl.full([block], NONE, tl.float32)
    s0, s1, s2 = (tl.zeros([block], tl.float32), tl.zeros([block], tl.float32), tl.zeros([block], tl.float32))
    above, own = tl.zeros([block], tl.float32), tl.zeros([block], tl.float32)
    hidden += tl.program_id(0).to(tl.int64) * block * width
    lines = tl.arange(0, block)[:, None] * width + depths[None, :]  # small numbers: what is large is added to the base
    cells = columns[None, :] * width + depths[:, None]
    for first in range(begin, tl.minimum(begin + span, vocabulary), tile):
        words = first + columns
        inside = words < vocabulary
        z = tl.zeros([block, tile], tl.float32)
        base = weight + tl.cast(first, tl.int64) * width
        for k in range(0, width, depth):
            here, down = there[:, None], inside[None, :]
            if width % depth:
                here, down = here & (k + depths[None, :] < width), down & (k + depths[:, None] < width)
            a = tl.load(hidden + k + lines, mask=here, other=0.0)
            b = tl.load(base + k + cells, mask=down, other=0.0)
            if wide:  # noqa: SIM108 - the branch is taken when it is compiled
                z = tl.dot(a.to(tl.float32), b.to(tl.float32), z, input_precision="ieee")
            else:
                z = tl.dot(a, b, z)
        if biased:
            z += tl.load(bias + words, mask=inside, other=0.0).to(tl.float32)[None, :]
        z = tl.where(inside[None, :], z, NONE)
        mine = words[None, :] == target[:, None]
        own += tl.sum(tl.where(mine, z, 0.0), 1)
        above += tl.sum(((z > limit[:, None]) & (mine == 0)).to(tl.float32), 1)
        raised = tl.maximum(highest, tl.max(z, 1))
        d = tl.where(highest == NONE, 0.0, highest - raised)
        d = tl.where(d < LEAST, LEAST, d)
        scale, highest = tl.exp(d), raised
        u = z - tl.where(raised == NONE, 0.0, raised)[:, None]
        u = tl.where(u < LEAST, LEAST, u)
        w = tl.exp(u)
        s2 = scale * (s2 + 2 * d * s1 + d * d * s0) + tl.sum(w * u * u, 1)
        s1 = scale * (s1 + d * s0) + tl.sum(w * u, 1)
        s0 = scale * s0 + tl.sum(w, 1)
    out += 6 * (tl.program_id(1) * rows + places)
    tl.store(out, highest, mask=there)
    tl.store(out + 1, s0, mask=there)
    tl.store(out + 2, s1, mask=there)
    tl.store(out + 3, s2, mask=there)
    tl.store(out + 4, above, mask=there)
    tl.store(out + 5, own, mask=there)
