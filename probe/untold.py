"""What an error may tell of what a caller sent, or of an exception that quotes it: a name, a kind, a place; no text."""

from __future__ import annotations

import re
import traceback
from collections.abc import Sequence

_NAME = re.compile(r"[\w.:/@+~-]{1,80}")


def shown(name: str, otherwise: str) -> str:
    """Returns what looks like a name; otherwise where it may be a text that stands in the wrong place."""
    return name if _NAME.fullmatch(name) else otherwise


def called(name: str, otherwise: str = "of that name") -> str:
    """Returns the same with a name between quotation marks."""
    return repr(name) if _NAME.fullmatch(name) else otherwise


def listed(names: Sequence[str]) -> str:
    """Returns the names with commas; those that look like none are counted."""
    good = [name for name in names if _NAME.fullmatch(name)]
    rest = [f"{len(names) - len(good):,} that may be texts"] if len(good) < len(names) else []
    return ", ".join(good + rest) or "none"


def place(error: BaseException) -> str:
    """Returns what kind of error it is, and the innermost line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename.rpartition('/')[2]}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}{where}"
