"""How phi, a text's mean log-likelihood, is spread over models, pooled over texts (scores/shadowed.py)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from probe.errors import ModelError
from probe.scores.shadowed import Flags, Pooled, Side, Vector

BINS = 16
_SHAPES = (2.1, 100.0)  # of the prior of a variance
_LEAST = 1e-6  # nats
_MOST_PULL = 1000.0  # models


def pool(phi: Vector, inside: Flags, tokens: Sequence[Vector]) -> Pooled:
    """phi, inside: [models, texts]; tokens: of each text, log-likelihoods [models, tokens]. Raises ModelError."""
    return Pooled(side(phi, inside), side(phi, ~inside), *_tokens(inside, tokens))


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


def _tokens(inside: Flags, tokens: Sequence[Vector]) -> tuple[Vector, Vector, Vector, Vector, float]:
    """Returns edges, token_sd, shift, pull and correlation over the texts that two models of each side score."""
    both = [(values[flags], values[~flags]) for values, flags in zip(tokens, inside.T, strict=True)]
    both = [pair for pair in both if min(map(len, pair)) > 1]
    if not both:
        raise ModelError("No text was seen by two shadow models and missed by two: train at least four.")
    level = np.concatenate([(ins.mean(0) + outs.mean(0)) / 2 for ins, outs in both])  # of it a difference tells nothing
    edges = np.unique(np.quantile(level, np.linspace(0, 1, BINS + 1)[1:-1]))
    place, size = np.searchsorted(edges, level), len(edges) + 1

    def binned(values: Sequence[Vector]) -> Vector:
        counts = np.maximum(np.bincount(place, minlength=size), 1)
        return np.asarray(np.bincount(place, np.concatenate(values), size) / counts)

    deviations = [np.concatenate([_deviations(side) for side in pair]) for pair in both]
    variance = np.maximum(binned([(one**2).mean(0) for one in deviations]), _LEAST**2)
    difference = [ins.mean(0) - outs.mean(0) for ins, outs in both]
    shift = binned(difference)
    noise = binned([np.full(ins.shape[1], 1 / len(ins) + 1 / len(outs)) for ins, outs in both]) * variance
    spread = binned([one**2 for one in difference]) - shift**2 - noise
    ends = np.cumsum([one.shape[1] for one in deviations])[:-1]
    steps = [one / np.sqrt(variance[own]) for one, own in zip(deviations, np.split(place, ends), strict=True)]
    products = np.concatenate([(one[:, 1:] * one[:, :-1]).ravel() for one in steps])
    correlation = float(np.clip(products.mean(), -0.95, 0.95)) if len(products) else 0.0
    return edges, np.sqrt(variance), shift, variance / np.maximum(spread, variance / _MOST_PULL), correlation


def _deviations(models: Vector) -> Vector:
    """Returns each model's distance from the others' mean, of the variance that a single model has."""
    return np.asarray((models - models.mean(0)) * np.sqrt(len(models) / (len(models) - 1)))
