"""One text: is what the models after make of it extreme against models retrained without it? Two-sided, per text.

change = mean phi over the models after - mean phi over the retrained ones, less the same mean over unseen texts: a
model that is better or worse at everything by its own training deviates for all texts, and that is no trace of any.

z = change / spread. With R >= 2 retrained models a text's spread is the predictive Student-t's: its own variance over
them, shrunk to the one pooled over texts as far as texts agree (the Normal-Inverse-Gamma prior of shadow/pool.py),
times 1/K + 1/R for K models after: the null side of U-LiRA (Hayes et al. 2024, 2403.01218), two-sided, because a text
that was pushed below what a model says that never saw it is given away too. Unlearning also disturbs texts that nobody
asked about, so z is over the unseen texts' root mean square where that is above 1, and never below: p_t is at least as
strict as U-LiRA's own. With one retrained model there is no spread over models, and unseen texts have to give it.

p decides, and asks no law: (1 + unseen texts that stray as far) / (n + 1), with the centre over all unseen texts and
the one in question, so that these are exchangeable where it was deleted, whatever the models (conformal, as in
calibration/conformal.py). p_t is for comparison. Its tail is the normal law's, and texts' are heavier: with 150 texts
on each side it gave some deleted text away by chance in 43 to 50% of draws from t with 5 or 3 degrees of freedom. A
single text among many has no small p with few unseen ones, so there is `alone`: P(|T| >= |z|) of Student's t with 4
degrees of freedom, times the deleted texts (Bonferroni); with "beyond every unseen text" it was wrong in at most 2% of
draws from five laws, and in 7% of t with 3 degrees of freedom.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probe.audit.deletion.by_model import ByModel
from probe.audit.metrics import Vector
from probe.scores.shadowed import Flags
from probe.shadow.pool import side

HEAVY = 4.0  # degrees of freedom: tails as heavy as texts' that stray by unlike amounts
_LEAST = 1e-6  # nats


@dataclass(frozen=True, slots=True, eq=False)
class Deviations:
    """z, p, p_t, alone: of deleted texts, [deleted]; z is above 0 where the models after find a text likelier than
    retrained ones do. alone: 1 where some unseen text strays as far.

    unseen_z, unseen: z and p_t of unseen texts, each held against the others, [unseen]. plain: theirs by the spread
    over retrained models alone, empty with one of these. inflation: root mean square of unseen texts by that spread,
    nats with one retrained model.
    """

    z: Vector
    p: Vector
    p_t: Vector
    alone: Vector
    unseen_z: Vector
    unseen: Vector
    plain: Vector
    inflation: float


def deviations(phi: ByModel, deleted: Flags) -> Deviations:
    """phi: at least three unseen texts; deleted: [texts]."""
    n = int((~deleted).sum())
    scale, freedom = spread(phi, ~deleted)
    change = phi.change
    centred = change - change[~deleted].mean()
    noise = float((scale[~deleted] ** 2).mean())  # of one text in the centre
    z = centred[deleted] / np.sqrt(scale[deleted] ** 2 + noise / n)
    others = centred[~deleted] * n / (n - 1)  # of an unseen text against the centre of the others
    own = others / np.sqrt(scale[~deleted] ** 2 + noise / (n - 1))
    least = _LEAST if len(phi.retrained) == 1 else 1.0
    inflation = float(np.sqrt((own**2).mean()))
    z = z / max(least, inflation)
    without = ((n - 1) / n * (own**2).sum() - own**2) / (n - 2)  # mean square of the others, an unbiased one
    own_z = own / np.sqrt(np.maximum(least**2, without))
    p = conformal(change / scale, 1 / scale, deleted)
    heavy = np.minimum(1.0, len(z) * two_sided(z, np.full(len(z), HEAVY)))
    return Deviations(
        z, p, two_sided(z, np.minimum(freedom[deleted], n - 1)), np.where(p * (n + 1) < 1.5, heavy, 1.0), own_z,
        two_sided(own_z, np.minimum(freedom[~deleted], n - 2)),
        two_sided(own, freedom[~deleted]) if len(phi.retrained) > 1 else np.zeros(0), inflation,
    )  # fmt: skip


def spread(phi: ByModel, unseen: Flags) -> tuple[Vector, Vector]:
    """Returns the standard deviation of each text's change, nats, and its degrees of freedom, [texts] each; ones and
    infinities with one retrained model.
    """
    models, texts = phi.retrained.shape
    if models < 2:
        return np.ones(texts), np.full(texts, np.inf)
    retrained = phi.centred(unseen).retrained
    prior = side(retrained, np.ones(retrained.shape, bool))
    a = np.full(texts, prior.a0 + (models - 1) / 2)
    b = prior.b0 + ((retrained - retrained.mean(0)) ** 2).sum(0) / 2
    return np.sqrt(b / a * (1 / len(phi.after) + 1 / models)), 2 * a


def two_sided(z: Vector, freedom: Vector) -> Vector:
    """Returns P(|T| >= |z|), T Student's t; of the normal law where the freedom is infinite."""
    from scipy.stats import norm, t

    finite = np.where(np.isinf(freedom), 1.0, freedom)
    return np.asarray(np.where(np.isinf(freedom), 2 * norm.sf(np.abs(z)), 2 * t.sf(np.abs(z), finite)))


def conformal(changes: Vector, weights: Vector, deleted: Flags) -> Vector:
    """Returns (1 + #{unseen texts that stray as far}) / (n + 1) of each deleted text.

    changes, weights: [texts], a text strays by |change - weight * centre|: both are already over the text's spread.
    """
    n = int((~deleted).sum())
    mine, theirs = changes[~deleted], weights[~deleted]
    total = (mine / theirs).sum()
    found = []
    for change, weight in zip(changes[deleted], weights[deleted], strict=True):
        centre = (total + change / weight) / (n + 1)
        strays = np.abs(mine - theirs * centre)
        found.append((1 + int((strays >= abs(change - weight * centre)).sum())) / (n + 1))
    return np.array(found)
