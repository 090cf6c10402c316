"""What may be told of what a caller sent, or of an exception that may quote it: a name, a kind, a place; never a text.

Messages of our own errors are told: they quote nothing. Whatever else is raised may hold a text in its message.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import traceback
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from probe.errors import MemprobeError

_NAME = re.compile(r"[\w.:/@+~-]{1,80}")
Info = tuple[type[BaseException], BaseException, TracebackType | None]


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


def told(error: BaseException) -> str:
    """Returns the error as a traceback without messages, for a log."""
    return "".join(traceback.format_exception(silenced(error))).rstrip()


def silenced(error: BaseException) -> BaseException:
    """Returns an exception of the same name and traceback, whose message is not that of a stranger."""
    said = (str(error),) if isinstance(error, MemprobeError) else ()
    kind = type(type(error).__name__, (Exception,), {"__module__": type(error).__module__})
    found: BaseException = kind(*said).with_traceback(error.__traceback__)
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    found.__cause__ = silenced(cause) if cause is not None and cause is not error else None
    return found


def silence() -> None:
    """From now on no exception that this process logs or ends with tells its message: for what runs unattended."""
    make = logging.getLogRecordFactory()

    def record(*arguments: Any, **named: Any) -> logging.LogRecord:
        found = make(*arguments, **named)
        if found.exc_info and found.exc_info[1] is not None:
            found.exc_info = _info(found.exc_info[1])
        return found

    logging.setLogRecordFactory(record)
    sys.excepthook = lambda kind, error, where: _say(error)
    threading.excepthook = lambda raised: _say(raised.exc_value) if raised.exc_value else None
    sys.unraisablehook = lambda raised: _say(raised.exc_value) if raised.exc_value else None


def _info(error: BaseException) -> Info:
    quiet = silenced(error)
    return type(quiet), quiet, quiet.__traceback__


def _say(error: BaseException) -> None:
    sys.stderr.write(f"{told(error)}\n")
