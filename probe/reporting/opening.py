"""From settings to a reporter."""

from __future__ import annotations

from probe.config import Settings
from probe.errors import InputError
from probe.reporting.ledger import Ledger
from probe.reporting.report import Terms
from probe.reporting.reporter import Reporter
from probe.scans.database import Database


def open_reporter(settings: Settings) -> Reporter:
    """Raises StoreError; InputError where the settings allow no report at all."""
    if settings.epsilon > settings.budget:
        raise InputError(
            f"MEMPROBE_BUDGET={settings.budget} pays for no report of epsilon {settings.epsilon}.", "budget"
        )
    if settings.cohort > settings.max_texts:
        raise InputError(
            f"No request of {settings.max_texts:,} texts makes a cohort of {settings.cohort:,}: raise "
            "MEMPROBE_MAX_TEXTS or lower MEMPROBE_COHORT.", "cohort",
        )  # fmt: skip
    url = settings.database_url or f"sqlite:///{settings.home / 'scans.sqlite'}"
    terms = Terms(settings.cohort, settings.epsilon, settings.clip, settings.max_tokens)
    return Reporter(Ledger(Database(url, durable=True), settings.budget), terms)
