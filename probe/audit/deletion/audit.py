"""Models before and after a deletion, and models retrained without the texts -> a Deletion: what is left of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from probe.audit.deletion.comparable import check, check_alike
from probe.audit.deletion.decide import calls, decide
from probe.audit.deletion.deviations import deviations
from probe.audit.deletion.measure import Measured, Progress, measure
from probe.audit.deletion.privleak import leaks, privleak
from probe.audit.deletion.result import Deletion, Options
from probe.audit.deletion.texts import Groups, enough, units
from probe.audit.deletion.together import together
from probe.audit.deletion.ulira import attack
from probe.audit.metrics import Figure
from probe.calibration.blind import FEWEST, FOLDS, bag_all, separation
from probe.calibration.conformal import q_values
from probe.models.base import Engine, Identity
from probe.scores.shadowed import Flags
from probe.types import Text, Unscored


def audit(
    engines: list[Engine], after: int, texts: Groups, options: Options, progress: Progress | None = None
) -> Deletion:
    """engines: before, `after` of the models after, retrained; the list is emptied, so that one at a time is held.

    Raises InputError where models cannot be compared, or too few texts can be scored.
    """
    models = tuple(engine.identity for engine in engines)
    check(models, after)
    check_alike(engines)
    return judge(measure(engines, after, texts.every, progress), models, texts, options)


def judge(measured: Measured, models: tuple[Identity, ...], texts: Groups, options: Options) -> Deletion:
    """Returns what the figures say. Raises InputError for too few texts."""
    kept = [texts.every[place] for place in measured.kept]
    deleted = np.array([place < len(texts.deleted) for place in measured.kept], bool)
    counts = int(deleted.sum()), int((~deleted).sum())
    unscored = tuple((str(texts.every[place].id), reason) for place, reason in measured.reasons.items())
    enough(*counts, [f"{name}: {reason}" for name, reason in unscored])
    phi, mink, alpha, own = measured.phi, measured.mink, options.alpha, units(kept)
    found, whole = deviations(phi, deleted), together(phi, deleted, own, options.margin, alpha)
    q = np.array(q_values(found.p.tolist()))
    effect, same = (None, None) if isinstance(whole, Unscored) else (whole.effect, whole.same)
    return Deletion(
        decision=decide(effect, same, found, alpha), ids=tuple(str(text.id) for text in kept), deleted=deleted, phi=phi,
        mink=mink, found=found, q=q, calls=tuple(calls(found, q, alpha)), together=whole,
        attack=attack(phi, deleted, own, 1 - alpha), leaks=tuple(leaks(mink, deleted, 1 - alpha)),
        privleak=privleak(mink, deleted, own, 1 - alpha), blind=_blind(kept, deleted),
        blind_enough=min(counts) >= FEWEST, models=models, options=options, data=texts.hash, unscored=unscored,
        left_out=texts.left_out,
    )  # fmt: skip


def _blind(kept: Sequence[Text], deleted: Flags) -> Figure | None:
    """Returns what the words alone give, None where the groups are too small to learn from."""
    one, other = (
        [text.text for text, flag in zip(kept, deleted, strict=True) if flag == kind] for kind in (True, False)
    )
    return separation(bag_all(one), bag_all(other)) if min(len(one), len(other)) >= FOLDS else None
