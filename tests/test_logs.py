"""Log records: one line each, what they are about, and no caller's text, wherever it may hide."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from probe.logs import UNTOLD, Json, Plain, described, said, saying, where

MARK = "zyzzyva-marker"


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def loggers(stream: io.StringIO) -> Iterator[dict[str, logging.Logger]]:
    """One of ours, a library's; both written as JSON."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Json())
    found = {name: logging.getLogger(name) for name in ("probe.test", "library.test")}
    for logger in found.values():
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
    yield found
    for logger in found.values():
        logger.removeHandler(handler)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def failing() -> Exception:
    """An error whose message, and whose cause's, quote a text."""
    try:
        try:
            raise KeyError(MARK)
        except KeyError as error:
            raise ValueError(f"cannot read {MARK}") from error
    except ValueError as error:
        return error


def test_a_record_is_one_line_with_what_it_is_about(loggers: dict[str, logging.Logger], stream: io.StringIO) -> None:
    with saying(request="r-1"), saying(job="j-1"):
        loggers["probe.test"].warning("Job %s\nwaits.", "j-1", extra={"facts": {"status": 200}})
    loggers["probe.test"].info("Over.")
    first, second = lines(stream)
    assert first["level"] == "warning" and first["message"] == "Job j-1\nwaits." and first["time"].endswith("Z")
    assert (first["request"], first["job"], first["status"]) == ("r-1", "j-1", 200)
    assert "request" not in second and said() == {}


def test_an_exception_is_its_type_and_frames_and_not_its_message(
    loggers: dict[str, logging.Logger], stream: io.StringIO
) -> None:
    loggers["probe.test"].error("It failed.", exc_info=failing())
    loggers["library.test"].error("It failed.", exc_info=failing())
    for line in lines(stream):
        assert line["error"]["type"] == "ValueError" and line["error"]["cause"]["type"] == "KeyError"
        assert any("test_logs.py" in frame and frame.endswith(" failing") for frame in line["error"]["frames"])
    assert MARK not in stream.getvalue()


def test_of_a_librarys_record_only_the_template_is_told(
    loggers: dict[str, logging.Logger], stream: io.StringIO
) -> None:
    loggers["library.test"].warning("Token %s is unknown.", MARK)
    loggers["library.test"].warning(f"Token {MARK} is unknown.")
    first, second = lines(stream)
    assert first["message"].startswith("Token %s is unknown. ") and "test_logs.py" in first["message"]
    assert second["message"].startswith(UNTOLD) and MARK not in stream.getvalue()


def test_text_for_people_has_one_line_and_frames_below() -> None:
    error = failing()
    record = logging.LogRecord("probe.x", logging.ERROR, "x.py", 1, "It\nfailed.", (), (ValueError, error, None))
    with saying(request="r-1"):
        head, *below = Plain().format(record).splitlines()
    assert head.endswith("error probe.x: It failed. request=r-1")
    assert below[0].strip() == "ValueError" and "KeyError" in "".join(below) and MARK not in "".join(below)


def test_as_text_it_is_the_same() -> None:
    said = where(failing())
    assert said.startswith("Traceback:\n    ValueError\n") and " failing" in said and "KeyError" in said
    assert MARK not in said


def test_of_errors_that_follow_each_other_both_are_told() -> None:
    try:
        try:
            raise OSError(MARK)
        except OSError:
            raise RuntimeError(MARK)  # noqa: B904 - the context, not the cause
    except RuntimeError as error:
        found = described(error)
    assert found and found["cause"]["type"] == "OSError" and MARK not in json.dumps(found)
    assert described(None) is None


PROGRAM = f"""
import logging, threading
from probe.logs import install
install({{format!r}}, "info")
logging.getLogger("probe").info("said")
logging.getLogger("library").info("not said")
logging.getLogger("probe").info("%d", "{MARK}")
def fail():
    raise ValueError("{MARK}")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
fail()
"""


@pytest.mark.parametrize("wanted", ["json", "text", None])
def test_what_nobody_catches_is_logged_without_its_message(wanted: str | None) -> None:
    """In a process of its own: hooks belong to the process. stderr is no terminal there, so JSON is the default."""
    code = PROGRAM.replace("{format!r}", repr(wanted))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1 and done.stdout == "" and MARK not in done.stderr
    assert done.stderr.count("ValueError") == 2 and "not said" not in done.stderr
    if wanted != "text":
        told = [json.loads(line) for line in done.stderr.splitlines()]
        assert [one["level"] for one in told] == ["info", "critical", "critical"]
