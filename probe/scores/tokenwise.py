"""tokenwise = mean over tokens of the log-odds of membership that a learned model gives to each token's statistics.

A fine-tune teaches two things: what its texts have in common, such as a book's names and manner, which raises tokens
of members and of others alike, and the members' own wording. So each token's gain d_t = l_t - r_t is held against the
usual gain of that token, alone and behind the one before it, among known non-members, and boosted trees weigh what is
beyond it by how hard the token is for the reference and what its neighbours gain. After Ilić et al. 2026 (2604.03199),
who learn over the same statistics.
"""

from __future__ import annotations

import numpy as np

from probe.scores.base import Method
from probe.scores.token_model import TokenModel
from probe.scores.trees import Vector
from probe.scores.view import Need, View, mean
from probe.types import Ints, TokenStats, Unscored

NAMES = (
    "logprob", "entropy", "z", "log_rank", "gain", "beyond_usual", "entropy_gain", "z_gain", "log_rank_gain", "usual",
    "usual_before", "gain_before", "gain_after", "log_place", "repeats", "usual_pair", "beyond_pair", "beyond_near",
)  # fmt: skip
NEEDS: tuple[Need, ...] = ("logprob", "moments", "same_tokenizer", "reference_moments")
_FLAT = 1e-6
_NEAR = 2  # tokens on either side whose gains beyond the usual are averaged


def tokenwise(view: View) -> float | Unscored:
    if view.fitted.tokens is None:
        return Unscored("nothing is learned of tokens: name a calibration with tuning members and non-members")
    return mean(odds(view, view.fitted.tokens))


def odds(view: View, model: TokenModel) -> Vector:
    """Returns the log-odds of each token, [tokens]. The view must hold what NEEDS names."""
    return model.trees(features(view, *model.usual(view.target.tokens.ids)))


def features(view: View, usual: Vector, pair: Vector) -> Vector:
    """Returns the features of each token, [tokens, NAMES], under the reference unless said; usual: nats [1 + tokens],
    of the context's token too; pair: [tokens], of each behind the one before it.
    """
    d, ids = view.d, view.target.tokens.ids[1:]
    own, other = _shape(view.target), _shape(view.reference)
    before, after = np.concatenate([[0.0], d[:-1]]), np.concatenate([d[1:], [0.0]])
    return np.column_stack([
        view.r, *other, d, d - usual[1:], *(mine - theirs for mine, theirs in zip(own, other, strict=True)), usual[1:],
        usual[:-1], before, after, np.log1p(np.arange(len(d))), _repeats(ids), pair,
        d - pair, _near(d - pair),
    ])  # fmt: skip


def _shape(stats: TokenStats) -> tuple[Vector, Vector, Vector]:
    """Entropy, distance from the mean log-probability in standard deviations, and log rank of each token."""
    assert stats.mu is not None and stats.sigma is not None
    mu = stats.mu.astype(np.float64)
    return -mu, (stats.logprob - mu) / np.maximum(stats.sigma, _FLAT), np.log1p(stats.rank.astype(np.float64))


def _near(values: Vector) -> Vector:
    """Returns the mean of each value and those round it."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    place = np.arange(len(values))
    begin, end = np.maximum(place - _NEAR, 0), np.minimum(place + _NEAR + 1, len(values))
    return np.asarray((total[end] - total[begin]) / (end - begin))


def _repeats(ids: Ints) -> Vector:
    """Returns how often each id stands before its place."""
    order = np.argsort(ids, kind="stable")
    ranked = ids[order]
    first = np.concatenate([[True], ranked[1:] != ranked[:-1]])
    begin = np.maximum.accumulate(np.where(first, np.arange(len(ids)), 0))
    found = np.empty(len(ids))
    found[order] = np.arange(len(ids)) - begin
    return found


SCORE = Method("tokenwise", tokenwise, NEEDS, "after Ilić et al. 2026, arXiv:2604.03199")
