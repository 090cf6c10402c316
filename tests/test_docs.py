"""The documentation says what the code says."""

from __future__ import annotations

import re
from pathlib import Path

from docs.generate import scores
from probe.config import Settings

DOCS = Path(__file__).parents[1] / "docs"
SOURCES = [path for package in ("probe", "server") for path in (DOCS.parent / package).rglob("*.py")]


def test_the_score_table_is_generated() -> None:
    assert (DOCS / "scores.md").read_text() == scores(), "run make docs"


def test_the_guide_names_every_setting() -> None:
    named = set(re.findall(r"MEMPROBE_([A-Z_]+)", (DOCS / "guide.md").read_text()))
    read = {name for path in SOURCES for name in re.findall(r'"MEMPROBE_([A-Z_]+)"', path.read_text())}
    assert named == read | {name.upper() for name in Settings.model_fields}


def test_links_lead_somewhere() -> None:
    pages = [DOCS.parent / "README.md", DOCS.parent / "CONTRIBUTING.md", *DOCS.rglob("*.md")]
    for page in pages:
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in link:
                assert (page.parent / link).exists(), (page.name, link)
