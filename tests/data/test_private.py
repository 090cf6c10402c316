"""Database files: their owner's alone, and never opened beside SQLite."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

from probe.data.private import claim

WRITE = """
import sqlite3, sys
try:
    sqlite3.connect(sys.argv[1], timeout=0).execute("BEGIN IMMEDIATE")
    print("writes")
except sqlite3.OperationalError as error:
    print(error)
"""


def other(path: Path) -> str:
    """Returns what another process meets that wants to write."""
    done = subprocess.run([sys.executable, "-c", WRITE, str(path)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_locks_outlive_a_claim(tmp_path: Path) -> None:
    """Two that write at once are how a database is corrupted."""
    path = tmp_path / "x.sqlite"
    claim(path)
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE a (b)")
    database.execute("BEGIN IMMEDIATE")
    assert other(path) == "database is locked"
    claim(path)
    assert other(path) == "database is locked"
    database.execute("COMMIT")
    assert other(path) == "writes"
    database.close()


def test_what_is_there_is_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    before = os.umask(0)
    try:
        claim(path)
        for ending in ("-wal", "-shm"):
            path.with_name(path.name + ending).touch()
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o644)
        claim(path)
    finally:
        os.umask(before)
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
