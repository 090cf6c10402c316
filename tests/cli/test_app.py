"""What the command line says of itself."""

from __future__ import annotations

from importlib.metadata import version

from typer.testing import CliRunner

from probe.cli import app


def test_the_version() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert done.exit_code == 0 and done.stdout.startswith(f"memprobe {version('memprobe')}, Python 3.")
