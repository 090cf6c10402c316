"""What the field says against evidence from likelihoods: it stands in every report that rests on them."""

from __future__ import annotations


def objections() -> list[str]:
    """Returns what the field itself says against such evidence."""
    return [
        "Scores of likelihood alone cannot prove that a text was in the training data, for nobody can sample what a "
        "model trained without it would say (Zhang et al. 2024, arXiv:2409.19798). What they leave standing is "
        "verbatim extraction, and canaries that were planted by chance beforehand.",
        "On the pre-training data of large models such scores barely beat chance where the sets are alike (Duan et al. "
        "2024, arXiv:2402.07841); what seemed more was often a difference in kind or date (Meeus et al. 2024, "
        "arXiv:2406.17975).",
    ]
