"""Quantiles of a target's phi given what other models say of a text, by linear regression (Koenker, Bassett 1978)."""

from __future__ import annotations

import numpy as np

from probe.scores.quantile import LEVELS, features
from probe.scores.shadowed import Flags, Vector

FEWEST = 100  # texts: the upper tenth of fewer is no quantile


def regress(phi: Vector, usual: Vector, tokens: Vector) -> Vector | None:
    """Returns coefficients, [levels, features]; None for fewer than FEWEST texts that all of it is known of.

    phi: of the target, NaN where it cannot score a text; usual: of other models, likewise; nats per token, [texts].
    """
    there: Flags = ~np.isnan(phi + usual) & (tokens > 0)
    if int(there.sum()) < FEWEST:
        return None
    from sklearn.linear_model import QuantileRegressor

    rows = np.array([features(*pair) for pair in zip(usual[there], tokens[there].astype(int).tolist(), strict=True)])
    center, scale = rows[:, 1:].mean(0), rows[:, 1:].std(0)
    scale[scale == 0] = 1
    standard = (rows[:, 1:] - center) / scale
    lines = (QuantileRegressor(quantile=level, alpha=0).fit(standard, phi[there]) for level in LEVELS)
    return np.array([_unscaled(line.intercept_, line.coef_ / scale, center) for line in lines])


def _unscaled(intercept: float, slopes: Vector, center: Vector) -> Vector:
    """Returns intercept and slopes for features as they are."""
    return np.concatenate([[intercept - slopes @ center], slopes])
