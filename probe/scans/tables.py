"""The ledger's tables, and the numbered migrations that make them; the same statements on SQLite and PostgreSQL."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

_METADATA = MetaData()
FILES = Table(
    "files", _METADATA,
    Column("id", Text, primary_key=True), Column("owner", Text), Column("name", Text), Column("purpose", Text),
    Column("bytes", BigInteger), Column("created", Integer), Column("key", Text),
)  # fmt: skip
SCANS = Table(
    "scans", _METADATA,
    Column("id", Text, primary_key=True), Column("owner", Text), Column("model", Text), Column("status", Text),
    Column("paused", Boolean), Column("created", Float), Column("served", Float), Column("source", JSON),
    Column("options", JSON), Column("metadata", JSON), Column("rows", BigInteger), Column("split", Boolean),
    Column("times", JSON), Column("error", Text), Column("note", Text), Column("batch", JSON),
    Column("blind", JSON),
)  # fmt: skip
TASKS = Table(
    "tasks", _METADATA,
    Column("scan", Text, primary_key=True), Column("kind", Text, primary_key=True),
    Column("number", Integer, primary_key=True), Column("owner", Text), Column("status", Text), Column("rows", Integer),
    Column("worker", Text), Column("lease", Float), Column("attempts", Integer), Column("good", Integer),
    Column("bad", Integer), Column("counts", JSON), Column("trying", JSON), Column("finished", Float),
)  # fmt: skip
REPORTS = Table(
    "reports", _METADATA,
    Column("cohort", Text, primary_key=True), Column("target", Text, primary_key=True),
    Column("calibration", Text, primary_key=True), Column("owner", Text), Column("price", BigInteger),
    Column("created", Integer), Column("answer", JSON),
)  # fmt: skip
REPORTED = Table(
    "reported", _METADATA,
    Column("cohort", Text, primary_key=True), Column("number", Integer, primary_key=True), Column("owner", Text),
    Column("size", Integer), Column("runs", LargeBinary),
)  # fmt: skip
DELETED = Table(
    "deleted", _METADATA,
    Column("id", Text, primary_key=True), Column("key", Text), Column("since", Float), Column("left_over", Boolean),
)  # fmt: skip
_VERSION = Table("schema_version", _METADATA, Column("version", Integer, primary_key=True))

_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE files (id TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL, purpose TEXT NOT NULL,
        bytes BIGINT NOT NULL, created INTEGER NOT NULL, key TEXT NOT NULL)""",
        """CREATE TABLE scans (id TEXT PRIMARY KEY, owner TEXT NOT NULL, model TEXT NOT NULL, status TEXT NOT NULL,
        paused BOOLEAN NOT NULL, created DOUBLE PRECISION NOT NULL, served DOUBLE PRECISION NOT NULL,
        source JSON NOT NULL, options JSON NOT NULL, metadata JSON NOT NULL, rows BIGINT NOT NULL,
        split BOOLEAN NOT NULL, times JSON NOT NULL, error TEXT, note TEXT, batch JSON, blind JSON)""",
        """CREATE TABLE tasks (scan TEXT NOT NULL REFERENCES scans (id), kind TEXT NOT NULL, number INTEGER NOT NULL,
        owner TEXT NOT NULL, status TEXT NOT NULL, rows INTEGER NOT NULL, worker TEXT, lease DOUBLE PRECISION,
        attempts INTEGER NOT NULL, good INTEGER NOT NULL, bad INTEGER NOT NULL, counts JSON, trying JSON,
        finished DOUBLE PRECISION, PRIMARY KEY (scan, kind, number))""",
        "CREATE INDEX tasks_open ON tasks (status, lease)",
    ),
    (
        """CREATE TABLE reports (cohort TEXT NOT NULL, target TEXT NOT NULL, calibration TEXT NOT NULL,
        owner TEXT NOT NULL, price BIGINT NOT NULL, created INTEGER NOT NULL, answer JSON NOT NULL,
        PRIMARY KEY (cohort, target, calibration))""",
        # SQLite takes any name for a type
        """CREATE TABLE reported (cohort TEXT NOT NULL, number INTEGER NOT NULL, owner TEXT NOT NULL,
        size INTEGER NOT NULL, runs BYTEA NOT NULL, PRIMARY KEY (cohort, number))""",
    ),
    (
        """CREATE TABLE deleted (id TEXT PRIMARY KEY, key TEXT NOT NULL, since DOUBLE PRECISION NOT NULL,
        left_over BOOLEAN NOT NULL)""",
    ),
)


def migrate(connection: Connection) -> None:
    """Brings the tables up to date, one numbered step after another; two that begin at once wait for each other."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(7236531)"))
    connection.execute(text("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY)"))
    done = connection.execute(_VERSION.select()).scalars().all()
    for number, steps in enumerate(_MIGRATIONS, 1):
        if number not in done:
            for step in steps:
                connection.execute(text(step))
            connection.execute(_VERSION.insert().values(version=number))
