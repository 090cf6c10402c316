"""The ask command, in this process and as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from probe.cli import app
from probe.errors import InputError, OverBudget
from probe.textonly.ask import NOTE
from probe.textonly.plan import _GO_ON
from tests.textonly.conftest import Serve
from tests.textonly.serving import Server
from tests.textonly.test_ask import memory, passages


def command(*arguments: str, stdin: str = "") -> Any:
    return CliRunner().invoke(app, ["ask", *arguments], input=stdin)


def test_the_command(serve: Serve, tmp_path: Path) -> None:
    server = Server("chat/completions", reply=lambda prompt: memory(prompt.removeprefix(f"{_GO_ON}\n\n")))
    address, _ = serve(server)
    path = tmp_path / "passages.jsonl"
    rows = [{"id": f"[{i}/]", "text": row.text, "paraphrases": row.paraphrases} for i, row in enumerate(passages())]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = (str(path), "--target", f"{address}#second", "--samples", "1", "--permutations", "4")
    prices = ("--price-in", "3", "--price-out", "6")

    declined = command(*options, *prices, stdin="n\n")
    assert declined.exit_code == 1 and "61 requests" in declined.stderr and "price about 0.0" in declined.stderr
    refused = command(*options, *prices, "--budget", ".001", "--yes")
    assert isinstance(refused.exception, OverBudget) and server.asked == 0
    table = command(*options, *prices, "--budget", "1", stdin="y\n")
    said = " ".join(table.stdout.split())
    assert table.exit_code == 0 and "[11/]" in said and "Quiz over 12 passages: 0.625" in said and NOTE in said
    path.write_text(path.read_text() + "{broken")
    as_json = command(*options, "--yes", "--json")
    assert as_json.exit_code == 1 and "row 13: invalid JSON" in as_json.stderr
    lines = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert [line["object"] for line in lines] == ["ask.text"] * 12 + ["ask"]
    assert lines[0]["samia"] == {"value": 1.0, "reason": None} and lines[-1]["note"] == NOTE


def test_the_command_s_errors(tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_text("some words")
    nobody = ("--target", "http://127.0.0.1:9")
    for options, words in (
        ((str(path),), "Name the server to ask"),
        ((str(path), "--target", "org/model"), "is no server's address"),
        ((str(path), *nobody, "--budget", "1"), "give both --price-in and --price-out"),
        ((str(path), *nobody, "--price-in", "1"), "Give both --price-in and --price-out"),
        ((str(path), *nobody, "--attack", "x"), "No attack named x"),
        ((str(path), *nobody, "--dialect", "x"), "No dialect named x"),
        ((str(tmp_path / "none"), *nobody), "is not a file"),
    ):
        done = command(*options)
        assert isinstance(done.exception, InputError) and words in str(done.exception)
    prices = ("--price-in", "1", "--price-out", "1", "--budget", "0")
    call = [sys.executable, "-m", "probe", "ask", str(path), *nobody, *prices]
    real = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)
    assert real.returncode == 2 and real.stderr.startswith("memprobe: Refused before asking: a price of")
    assert real.stderr.count("\n") == 1
