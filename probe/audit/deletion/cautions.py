"""What speaks against an audit's figures, and what else has to be known of them."""

from __future__ import annotations

import math

from probe.audit.deletion.decide import Outcome
from probe.audit.deletion.result import Deletion
from probe.audit.deletion.summary import UNIT
from probe.audit.deletion.together import Together
from probe.audit.metrics import Figure
from probe.calibration.blind import FEWEST

_STRAYS = 1.5  # times as far on unseen texts as training noise explains


def cautions(found: Deletion) -> list[str]:
    """Returns what speaks against the figures, the gravest first."""
    said, whole, alpha = [], found.together, found.options.alpha
    if found.separates_blindly:
        said.append(
            f"The words alone, without a model, tell deleted from unseen texts: AUC {found.blind:.3f}. They differ in "
            "kind, and what a model lost or gained on a kind may hide traces or look like them. Take unseen texts of "
            "the same source, genre and date."
        )
    if isinstance(whole, Together) and whole.placebo_fails(alpha):
        said.append(
            "A retrained model, held against the others as if it were the one after, shows a difference too: training "
            "noise reaches deleted and unseen texts differently, so a difference is no sure trace."
        )
    if isinstance(whole, Together) and whole.earlier.above() > alpha:
        said.append(
            "The model before is not shown to have known the texts better than retrained ones: there is nothing whose "
            "deletion could be shown. Were they in its training data?"
        )
    if len(found.phi.retrained) > 1 and found.found.inflation > _STRAYS:
        said.append(
            f"On unseen texts, too, models after stray {found.found.inflation:.1f} times as far from retrained ones "
            "as retraining explains: they were damaged, or trained otherwise. Traces of single texts may hide in that."
        )
    if found.separates_blindly is None:
        said.append(f"With fewer than {FEWEST} texts of each group nobody can tell whether they differ in kind.")
    return said


def notes(found: Deletion) -> list[str]:
    """Returns what else has to be known."""
    n, deviations, alpha = len(found.found.unseen), found.found, found.options.alpha
    flagged, expected = int((deviations.unseen <= alpha).sum()), f"{alpha * n:.1f}"
    said = [f"p by t would flag {flagged} of {n} unseen texts at {alpha:g}, where {expected} are expected."]
    if len(found.phi.retrained) == 1:
        said.append(
            "There is one retrained model, so a text is held against the spread of unseen texts only, and nothing "
            "tells how far retraining alone moves a text. Two or more are recommended."
        )
    else:
        plain = int((deviations.plain <= alpha).sum())
        said.append(
            f"Unseen texts stray {deviations.inflation:.2f} times as far as retraining explains: U-LiRA's test, which "
            f"does not allow for that, would flag {plain} of them."
        )
    shift = float(found.phi.change[~found.deleted].mean())
    said.append(
        f"The models after find unseen texts {abs(shift):.4f} {UNIT} {'likelier' if shift > 0 else 'less likely'} than "
        "retrained ones do; this is taken off everywhere."
    )
    if (alone := math.ceil(len(found.calls) / alpha) - 1) > n:
        said.append(
            f"A single text among {len(found.calls):,} is called by its q-value only with {alone:,} unseen texts, and "
            f"there are {n:,}. Else it must stand out: stray further than all of them, and far."
        )
    called = sum(call is not Outcome.UNSHOWN for call in found.calls)
    outstanding = len(found.decision.traces + found.decision.over)
    if called > outstanding:
        said.append(
            f"{called:,} single texts are called by their q-values, of which a share of {alpha:g} may be wrong; on the "
            f"outcome bear only the {outstanding:,} that stand out, by a stricter rule."
        )
    if isinstance(found.blind, Figure) and found.separates_blindly is False:
        said.append(f"The words alone give AUC {found.blind:.3f} of deleted against unseen texts.")
    return said
