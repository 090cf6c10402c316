"""An evaluation in plain words: what it shows, and first of all whether it can show anything."""

from __future__ import annotations

from probe.audit.evaluate import Evaluation
from probe.audit.figures import Figures, Flags
from probe.audit.metrics import Figure
from probe.calibration.blind import FEWEST


def caution(found: Evaluation) -> str | None:
    """Returns why the figures show nothing about membership, or may not; None where nothing speaks against them."""
    if found.separates_blindly:
        return (
            f"The words alone, without a model, tell these members from these non-members: AUC {found.blind.auc:.3f}. "
            "The two sets differ in kind, so none of the figures shows anything about membership. Take non-members of "
            "the same source, genre and date, best the other half of a random split."
        )
    if found.separates_blindly is None:
        return (
            f"With fewer than {FEWEST} texts of each kind nobody can tell whether the two sets differ in kind, so the "
            "figures may show that instead of membership. Bring more."
        )
    return None


def sentences(found: Evaluation) -> list[str]:
    """Returns what was measured, a sentence each."""
    said = [f"{_counts(found.member[found.scored])} were evaluated."]
    if found.default in found.figures:
        said.append(_of(f"The score that a verdict rests on is {found.default}", found.figures[found.default]))
    best = found.best
    if best and best != found.default:
        said.append(
            _of(f"The highest AUC has {best}", found.figures[best])
            + " It was picked as the best on these very texts, which flatters it."
        )
    if isinstance(found.blind.auc, Figure) and not found.separates_blindly:
        said.append(f"The words alone give AUC {found.blind.auc:.3f}: that is what a score must be held against.")
    if found.unscored:
        said.append(f"{_counts(found.member[~found.scored])} could not be scored, and are in no score's figure.")
    if found.left_out:
        said.append(f"Rows that were left out: {len(found.left_out):,}.")
    return said + [f"Warning: {warning}." for warning in found.warnings]


def _counts(member: Flags) -> str:
    members = int(member.sum())
    return f"{members:,} members and {len(member) - members:,} non-members"


def _of(head: str, figures: Figures) -> str:
    if not isinstance(figures.auc, Figure):
        return f"{head}: its AUC {figures.auc.reason}."
    said = f"{head}: AUC {figures.auc:.4f}, the chance that a random member scores above a random non-member."
    for fpr, found in figures.tpr.items():
        if isinstance(found, Figure):
            said += f" Where {fpr:.3g} of the non-members pass for members, so do {found:.3f} of the members."
    return said
