"""memprobe adapt and what follows it, as a user types them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from tests.shadow.test_adapt import chronicle
from tests.tiny import ASSETS

REFERENCE = str(ASSETS / "reference")
TEXTS = list(dict.fromkeys(chronicle(random.Random(number)) for number in range(400)))


def test_adapt_calibrate_probe(memprobe: Callable[..., CompletedProcess[str]], tmp_path: Path) -> None:
    read, others = (tmp_path / name for name in ("read.jsonl", "others.jsonl"))
    read.write_text("".join(json.dumps({"body": text}) + "\n" for text in TEXTS[:120]))
    others.write_text("".join(json.dumps(text) + "\n" for text in TEXTS[120:220]))
    folder = tmp_path / "reference"
    done = memprobe(
        "adapt", str(ASSETS / "reference"), "--nonmembers", str(read), "--out", str(folder), "--text-column", "body"
    )
    assert done.returncode == 0, done.stderr
    assert "has learned 108 texts" in done.stdout and "before" in done.stdout
    models = ("--target", str(ASSETS / "target"), "--reference", str(folder))
    done = memprobe("calibrate", "kind", "--nonmembers", str(others), *models)
    assert done.returncode == 0, done.stderr
    done = memprobe("probe", "--json", TEXTS[0], TEXTS[300], "--calibration", "kind", "--alpha", "0.1", *models)
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first["gates"]["overlap"] == "fail" and "of its reference" in first["reason"]
    assert second["gates"]["overlap"] == "pass"


def test_calibrating_adapts_the_reference_to_some_and_calibrates_on_the_others(
    memprobe: Callable[..., CompletedProcess[str]], tmp_path: Path
) -> None:
    path, folder = tmp_path / "known.jsonl", tmp_path / "reference"
    path.write_text("".join(json.dumps(text) + "\n" for text in TEXTS[:300]))
    models, based = ("--target", str(ASSETS / "target"), "--nonmembers", str(path)), ("--reference", REFERENCE)
    done = memprobe("calibrate", "one-step", *models, *based, "--adapt", str(folder))
    assert done.returncode == 0, done.stderr
    assert "has learned 108 texts. Loss on 12 others" in done.stdout and f"--reference {folder}" in done.stdout
    calibrating = int(done.stdout.split(" known non-members and")[0].split()[-1])
    assert 150 < calibrating <= 180
    done = memprobe("calibrate", "again", *models, "--reference", str(folder))  # what it has read is left out
    assert done.returncode == 0, done.stderr
    assert "what the reference was adapted to were left out" in " ".join(done.stdout.split())
    for arguments, words in (
        (("--adapt", str(folder)), "calibrate with --reference"),
        (("--adapt", str(tmp_path / "new")), "name the model to start from"),
        (("--adapt", str(tmp_path / "new"), "--reference", str(tmp_path / "none")), "none"),
        (("--adapt", str(tmp_path / "new"), *based, "--placebo", str(tmp_path / "none")), "none"),
        (("--adapt", str(tmp_path / "new"), *based, "--members", str(path)), "are among the non-members"),
    ):
        done = memprobe("calibrate", "other", *models, *arguments)
        assert done.returncode == 2 and words in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not (tmp_path / "new").exists()


def test_errors_are_one_line(memprobe: Callable[..., CompletedProcess[str]], tmp_path: Path) -> None:
    path = tmp_path / "few.txt"
    path.write_text(TEXTS[0])
    for arguments, words in (
        ((str(ASSETS / "reference"), "--out", str(tmp_path)), "is there already"),
        ((str(ASSETS / "reference"), "--out", str(tmp_path / "x")), "1 distinct texts; bring at least 100"),
        ((str(tmp_path), "--out", str(tmp_path / "x")), "no weights"),
        (("http://127.0.0.1:9/v1", "--out", str(tmp_path / "x")), "cannot be trained"),
    ):
        done = memprobe("adapt", *arguments, "--nonmembers", str(path))
        assert done.returncode == 2 and words in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr
