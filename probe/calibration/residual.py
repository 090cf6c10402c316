"""A score freed of length and difficulty: (score - location) / scale.

Location and scale are linear in the log of the tokens, its square and the reference loss.

Fitted by least squares on tuning non-members, who are neither calibrated on nor tested: location on the score, scale
on the log of the absolute residual (Harvey 1976). A short text's mean scatters more than a long one's, so without the
scale one threshold could not serve both. Each direction is shrunk by how far it stands out of its noise: among texts of
like length the square of the length is noise, and would cost a tenth of the members. Monotone in the score of a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FEWEST = 50  # tuning texts; below that the score is taken as it is
_LOG_NORMAL = 0.6352  # -E[log |z|] for a standard normal z
_FLOOR = 1e-9
_STEEPEST = 50.0  # nats of a scale; beyond it is none of a score, and beyond the texts that it was fitted on a guess

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Residual:
    """Coefficients on (1, log tokens, its square, difficulty), the reference loss in nats per token, or 0."""

    location: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    log_scale: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)

    def __call__(self, scores: Vector, tokens: Vector, difficulty: Vector) -> Vector:
        """Returns the calibrated scores [texts], in standard deviations of the tuning non-members."""
        x = _design(tokens, difficulty)
        log_scale = np.clip(x @ np.asarray(self.log_scale), -_STEEPEST, _STEEPEST)
        return np.asarray((scores - x @ np.asarray(self.location)) / np.exp(log_scale))

    def holds(self, tokens: Vector, difficulty: Vector) -> bool:
        """True where it gives finite figures at these texts, in a scale that scores have. Coefficients do not tell:
        among texts of like length those of a length and its square are large and nearly cancel.
        """
        x = _design(tokens, difficulty)
        with np.errstate(over="ignore", invalid="ignore"):
            location, log_scale = (np.abs(x @ np.asarray(side)) for side in (self.location, self.log_scale))
        return bool(np.isfinite(location).all() and (log_scale <= _STEEPEST).all())


def fit(scores: Vector, tokens: Vector, difficulty: Vector) -> Residual:
    """Returns the residual of tuning non-members, or the identity for fewer than FEWEST."""
    if len(scores) < FEWEST:
        return Residual()
    x = _design(tokens, difficulty)
    location = _least_squares(x, scores)
    spread = np.log(np.abs(scores - x @ location) + _FLOOR) + _LOG_NORMAL
    return Residual(_floats(location), _floats(_least_squares(x, spread)))


def _design(tokens: Vector, difficulty: Vector) -> Vector:
    size = np.log(tokens)
    return np.stack([np.ones_like(tokens), size, size**2, difficulty], axis=1)


def _least_squares(x: Vector, y: Vector) -> Vector:
    """Returns the coefficients; x begins with a column of ones. In an orthogonal basis each slope c of variance v is
    taken times max(0, 1 - 2 v / c^2), which is 0 where Akaike's criterion would leave it out.
    """
    center = x[:, 1:].mean(axis=0)
    basis, triangle = np.linalg.qr(x[:, 1:] - center)
    slopes = basis.T @ (y - y.mean())
    variance = float(((y - y.mean() - basis @ slopes) ** 2).sum()) / (len(y) - x.shape[1])
    shrunk = slopes * np.maximum(0.0, 1 - 2 * variance / np.maximum(slopes**2, _FLOOR))
    left, sizes, right = np.linalg.svd(triangle)
    inverse = np.divide(1.0, sizes, out=np.zeros_like(sizes), where=sizes > 1e-10 * np.linalg.norm(x))
    found = right.T @ (inverse * (left.T @ shrunk))  # what does not vary, such as one length, has no slope
    return np.concatenate([[y.mean() - center @ found], found])


def _floats(values: Sequence[float] | Vector) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
