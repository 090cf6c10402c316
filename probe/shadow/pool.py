"""How phi, a text's mean log-likelihood, is spread over models, pooled over texts (scores/shadowed.py)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from probe.errors import ModelError
from probe.scores.shadowed import Flags, Pooled, Side, Vector

BINS = 16
_SHAPES = (2.1, 100.0)  # of the prior of a variance
_LEAST = 1e-6  # nats


def pool(phi: Vector, inside: Flags, tokens: Sequence[Vector]) -> Pooled:
    """phi, inside: [models, texts]; tokens: of each text, log-likelihoods [models, tokens]. Raises ModelError."""
    edges, token_sd, correlation = _tokens(inside, tokens)
    return Pooled(side(phi, inside), side(phi, ~inside), edges, token_sd, correlation)


def side(phi: Vector, chosen: Flags) -> Side:
    """Returns the pooled figures of one side, by the method of moments over the texts that two of its models score."""
    groups = [values[flags] for values, flags in zip(phi.T, chosen.T, strict=True)]
    groups = [group for group in groups if len(group) > 1]
    if len(groups) < 2:
        raise ModelError("Too few shadow models saw any text: train at least four (`shadows` of the recipe).")
    sizes = np.array([len(group) for group in groups], dtype=np.float64)
    means = np.array([group.mean() for group in groups])
    variances = np.array([group.var(ddof=1) for group in groups])
    within = max(float(((sizes - 1) * variances).sum() / (sizes - 1).sum()), _LEAST**2)
    between = max(float(means.var(ddof=1)) - within * float((1 / sizes).mean()), within * 1e-3)
    # a sample variance of n models scatters by 2 v^2 / (n - 1) round its own text's; the rest is between texts
    scatter = float(variances.var(ddof=1)) - 2 * within**2 / (float(sizes.mean()) - 1)
    a0 = float(np.clip(2 + within**2 / scatter, *_SHAPES)) if scatter > 0 else _SHAPES[1]
    return Side(within**0.5, float(means.mean()), within / between, a0, within * (a0 - 1))


def _tokens(inside: Flags, tokens: Sequence[Vector]) -> tuple[Vector, Vector, float]:
    usual, squares, products, ends = [], [], [], []
    for values, flags in zip(tokens, inside.T, strict=True):
        sides = [values[chosen] for chosen in (flags, ~flags) if chosen.sum() > 1]
        parts = [(group - group.mean(0)) * np.sqrt(len(group) / (len(group) - 1)) for group in sides]
        if parts:
            deviations = np.concatenate(parts)
            usual.append(values[~flags].mean(0) if (~flags).any() else values.mean(0))
            squares.append((deviations**2).mean(0))
            products.append((deviations[:, 1:] * deviations[:, :-1]).mean(0))
            ends.append(np.sqrt(squares[-1][1:] * squares[-1][:-1]))
    level, square = np.concatenate(usual), np.concatenate(squares)
    edges = np.unique(np.quantile(level, np.linspace(0, 1, BINS + 1)[1:-1]))
    place = np.searchsorted(edges, level)
    counts = np.maximum(np.bincount(place, minlength=len(edges) + 1), 1)
    found = np.bincount(place, square, len(edges) + 1) / counts
    spread = np.sqrt(np.maximum(found, _LEAST**2))
    total = float(np.concatenate(ends).sum())
    return edges, spread, float(np.clip(np.concatenate(products).sum() / max(total, _LEAST), -0.95, 0.95))
