"""Log records, one a line, as JSON or text: never a word of any caller's text.

Of an exception its type and its frames are told, not its message, which may quote a text. Of a library's record only
the template is told, not what was put into it. What a record is about (a request, a scan) comes from the context.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal

Format = Literal["json", "text"]
OWN = ("probe", "server", "uvicorn")  # whose messages are known to hold no text
UNTOLD = "(a library's own words, which may quote a text)"
_facts: ContextVar[dict[str, object]] = ContextVar("facts", default={})  # noqa: B039 - replaced, never changed


@contextmanager
def saying(**facts: object) -> Iterator[None]:
    """Within the block every log record tells these facts too."""
    token = _facts.set({**_facts.get(), **facts})
    try:
        yield
    finally:
        _facts.reset(token)


def said() -> dict[str, object]:
    """Returns the facts that a record would tell now."""
    return dict(_facts.get())


def install(wanted: Format | None, level: str) -> None:
    """Makes stderr the place of all records. wanted: by default text where somebody watches, else JSON."""
    chosen = wanted or ("text" if sys.stderr.isatty() else "json")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Json() if chosen == "json" else Plain())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in OWN:
        logging.getLogger(name).setLevel(level.upper())
    logging.raiseExceptions = False  # else a record that cannot be formatted is printed with all that is in it
    sys.excepthook = lambda kind, error, trace: _uncaught(error)
    threading.excepthook = lambda found: _uncaught(found.exc_value)
    sys.unraisablehook = lambda found: _uncaught(found.exc_value)


def described(error: BaseException | None) -> dict[str, Any] | None:
    """Returns an exception's type, its frames, and the same of what caused it."""
    if error is None:
        return None
    frames = traceback.extract_tb(error.__traceback__)
    found: dict[str, Any] = {
        "type": f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins."),
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if cause := error.__cause__ or (None if error.__suppress_context__ else error.__context__):
        found["cause"] = described(cause)
    return found


def where(error: BaseException) -> str:
    """Returns the same as text, for records that may be written by others' formatters."""
    return "\n    ".join(["Traceback:", *_lines(described(error))])


class Json(logging.Formatter):
    """An object per record: time, level, logger, message, the facts, and of an exception where it came from."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(_fields(record), default=str)


class Plain(logging.Formatter):
    """The same for people."""

    def format(self, record: logging.LogRecord) -> str:
        fields = _fields(record)
        time, level, logger, message = (fields.pop(name) for name in ("time", "level", "logger", "message"))
        error = fields.pop("error", None)
        told = " ".join(f"{name}={value}" for name, value in fields.items() if value is not None)
        line = " ".join(f"{time} {level} {logger}: {message} {told}".split())
        return "\n    ".join([line, *_lines(error)])


def _lines(error: dict[str, Any] | None) -> list[str]:
    if error is None:
        return []
    return [error["type"], *(f"  {frame}" for frame in error["frames"]), *_lines(error.get("cause"))]


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    fields: dict[str, Any] = {
        "time": when, "level": record.levelname.lower(), "logger": record.name, "message": _message(record),
    }  # fmt: skip
    fields |= _facts.get() | getattr(record, "facts", {})
    if record.exc_info and record.exc_info[1]:
        fields["error"] = described(record.exc_info[1])
    return fields


def _message(record: logging.LogRecord) -> str:
    if record.name.partition(".")[0] in OWN:
        return record.getMessage().strip()
    template = record.msg if record.args and isinstance(record.msg, str) else UNTOLD
    return f"{template} {record.pathname}:{record.lineno}"


def _uncaught(error: BaseException | None) -> None:
    if isinstance(error, KeyboardInterrupt):
        return
    logging.getLogger(__name__).critical("A thread ended with an error.", exc_info=error)
