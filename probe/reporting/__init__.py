"""Answers about groups of texts that say nothing about any one of them.

    texts -> cohort (distinct, large enough) -> ledger (never reported on in another cohort, budget left)
          -> scores -> noised means -> ledger (stored and spent in one transaction) -> report

Aggregates alone are no defence: two groups that differ in one text tell that text's score, and so does the same group
asked about often enough (2504.18497). So no text is in two cohorts, every release is noised, and the same cohort gets
the same answer.
"""

from __future__ import annotations

from probe.reporting.mean import Noised, aggregate
from probe.reporting.opening import open_reporter
from probe.reporting.report import Report, Terms
from probe.reporting.reporter import Reporter

__all__ = ["Noised", "Report", "Reporter", "Terms", "aggregate", "open_reporter"]
