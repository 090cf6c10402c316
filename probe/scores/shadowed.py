"""What shadow models say of one text, as the shadow scores read it: phi, the mean log-likelihood of a token, by model.

phi is a text's statistic throughout, nats; inside says which models were trained on the text. With few models per text
the spread of phi is pooled over the fleet's texts (Carlini et al. 2022, arXiv:2112.03570): OUT from OUT models, IN from
IN models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from probe.scores.combination import Combination
from probe.scores.token_model import TokenModel
from probe.types import TokenStats, Unscored

Vector = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
FEWEST = 2  # models on a side
APART = Unscored("it is of the population that this score holds texts against")


@dataclass(frozen=True, slots=True)
class Side:
    """How phi is spread on one side, pooled over texts, as a Normal-Inverse-Gamma prior for a single one (BaVarIA,
    arXiv:2603.11799): its mean m0 seen k0 times, its variance InverseGamma(a0, b0). sd: pooled, nats.
    """

    sd: float
    m0: float
    k0: float
    a0: float
    b0: float


@dataclass(frozen=True, slots=True)
class Pooled:
    """Both sides; and for sequence LiRA of tokens by how likely the models find them, [bins], edges in nats: token_sd
    over models; shift, the usual mu_in - mu_out, as if pull models had shown it; correlation of neighbours' deviations.
    """

    ins: Side
    outs: Side
    edges: Vector
    token_sd: Vector
    shift: Vector
    pull: Vector
    correlation: float


@dataclass(frozen=True, slots=True, eq=False)
class Attacks:
    """Classifiers that were trained on shadows: over one model's features, over both models', and over tokens."""

    shokri: Combination
    features: Combination
    tokens: TokenModel | None


@dataclass(frozen=True, eq=False)
class Shadowed:
    """stats: by model; inside: [models]; known: False for a text outside their universe, which no model saw.

    background: of the target, phi minus the shadows' OUT log-mean of texts that nobody was trained on, ascending;
    empty where the fleet keeps none. quantiles: of the target's phi on them (scores/quantile.py), [levels, features].
    apart: the text is one of those.
    """

    stats: Sequence[TokenStats]
    inside: Flags
    known: bool
    pooled: Pooled
    background: Vector
    attacks: Attacks | None = None
    quantiles: Vector | None = None
    apart: bool = False

    @cached_property
    def phi(self) -> Vector:
        return np.array([-one.loss for one in self.stats])

    @property
    def ins(self) -> Vector:
        return self.phi[self.inside]

    @property
    def outs(self) -> Vector:
        return self.phi[~self.inside]

    def tokens(self, inside: bool) -> npt.NDArray[np.float64]:
        """Returns the log-likelihoods of the tokens by the models of one side, [models, tokens]."""
        chosen = [one.logprob for one, flag in zip(self.stats, self.inside, strict=True) if flag == inside]
        return np.array(chosen, dtype=np.float64)


def log_mean(values: Vector) -> float:
    """Returns the logarithm of the mean of what these are logarithms of."""
    top = float(values.max())
    return top + float(np.log(np.mean(np.exp(values - top))))
