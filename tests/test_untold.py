"""Kinds and places are told, names where they look like names, and messages of strangers never."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from probe.data.read import Columns, check_columns
from probe.errors import InputError
from probe.scans.database import Database
from probe.scans.desk import Desk
from probe.scans.options import ScanOptions
from probe.scans.source import Source
from probe.scans.store import Store
from probe.scans.worker import Worker
from probe.untold import called, listed, place

MARK = "zyzzyva"


def failing(kind: type[Exception] = ValueError) -> Exception:
    try:
        try:
            raise KeyError(f"the {MARK}")
        except KeyError as error:
            raise kind(f"the {MARK} of the house") from error
    except kind as error:
        return error


def test_the_place_of_an_error() -> None:
    said = place(failing())
    assert said.startswith("ValueError (test_untold.py, line ") and place(ValueError(MARK)) == "ValueError"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("batch_1", "'batch_1'"), ("../x", "'../x'"), ("org/model", "'org/model'"), ("größe", "'größe'"),
        ("two words", "of that name"), ("", "of that name"), ("x" * 81, "of that name"), ("a\0", "of that name"),
        ("\ud800", "of that name"), ("a\nb", "of that name"),
    ],
)  # fmt: skip
def test_what_looks_like_a_name(name: str, said: str) -> None:
    assert called(name) == said


def test_a_header_that_is_a_text_is_not_told() -> None:
    assert listed(["content", "n"]) == "content, n" and listed([]) == "none"
    assert listed(["content", f"the {MARK} of"]) == "content, 1 that may be texts"
    with pytest.raises(InputError, match='The file has no column "text"; it has 2 that may be texts') as caught:
        check_columns(f"the {MARK}.csv", [f"the {MARK} is", " and so on"], Columns())
    assert MARK not in str(caught.value)


def test_a_worker_says_what_failed_and_not_of_what(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(Database(tmp_path / "l.sqlite"), Store(tmp_path / "s"))
    scan = desk.begin(Source(str(tmp_path / "none.jsonl"), "x"), "demo", ScanOptions(), {})

    def opened(*_: object) -> object:
        raise failing(OverflowError)

    Worker(desk.ledger, desk.store, ["demo"], opened).run(until_idle=True)  # type: ignore[arg-type]
    assert desk.ledger.scan(scan.id).error == "Its split failed 5 times: OverflowError."
    assert caplog.text.count(" OverflowError\n") == 5 and MARK not in caplog.text


def test_what_ends_threads_and_the_process_is_told_without_its_message() -> None:
    code = f"""
import logging, threading
from probe.logs import install
install("text", "debug")
def fail(kind):
    raise kind("the {MARK} of the house")
try:
    fail(OverflowError)
except OverflowError:
    logging.getLogger("somebody").exception("It failed.")
    logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=True)
thread = threading.Thread(target=fail, args=(KeyError,), name="mine")
thread.start()
thread.join()
class Dying:
    def __del__(self):
        fail(LookupError)
Dying()
fail(ValueError)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and MARK not in done.stdout + done.stderr
    for kind in ("OverflowError", "KeyError", "LookupError", "ValueError"):
        assert f" {kind}\n" in done.stderr, done.stderr
