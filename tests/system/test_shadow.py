"""Shadow models as a user makes and uses them: the guide's recipe, a kill, two processes, verdicts."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from probe.shadow.folder import place_of
from tests.shadow.test_universe import DISTINCT
from tests.tiny import ASSETS

GUIDE = Path(__file__).parents[2] / "docs" / "guide.md"
FEW = "shadows = 4\n\n[training]\nepochs = 4\nrate = 0.001\ntokens = 256\n"


def recipe(folder: Path) -> Path:
    """The guide's own, with fewer and shorter trainings."""
    (found,) = re.findall(r"```toml\n(base = .*?)```", GUIDE.read_text(), flags=re.DOTALL)
    for name, texts in (("trained", DISTINCT[:50]), ("others", DISTINCT[50:150]), ("in-question", DISTINCT[150:170])):
        rows = [json.dumps({"id": f"{name} {n}", "text": text}) + "\n" for n, text in enumerate(texts)]
        (folder / f"{name}.jsonl").write_text("".join(rows))
    (folder / "models").mkdir()
    (folder / "models" / "base").symlink_to(ASSETS / "reference")
    (folder / "recipe.toml").write_text(re.sub(r"shadows = 16.*", FEW, found, flags=re.DOTALL))
    return folder / "recipe.toml"


def weights(fleet: Path) -> list[bytes]:
    return [(place_of(fleet, number) / "model.safetensors").read_bytes() for number in range(4)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shadow")


def test_from_the_guides_recipe_to_verdicts(memprobe: Callable[..., CompletedProcess[str]], folder: Path) -> None:
    path = str(recipe(folder))
    done = memprobe("shadow", "train", path, "--out", str(folder / "fleet"))
    assert done.returncode == 0 and "holds 4 models; each saw half of 145 texts, 25 were" in done.stdout, done.stderr
    done = memprobe("shadow", "target", path, "--out", str(folder / "target"))
    assert done.returncode == 0 and "was trained on 50 texts" in done.stdout, done.stderr
    models = ("--target", str(folder / "target"), "--reference", str(ASSETS / "reference"))
    shadows = ("--shadows", str(folder / "fleet"))
    known = ("--members", str(folder / "trained.jsonl"), "--nonmembers", str(folder / "others.jsonl"))
    done = memprobe("evaluate", *known, *models, *shadows, "--scores", "loss,lira", "--json")
    assert done.returncode == 0, done.stderr
    areas = {name: row["auc"]["value"] for name, row in json.loads(done.stdout)["scores"].items()}
    assert areas["lira"] > max(0.85, areas["loss"]), areas
    done = memprobe("calibrate", "kind", *known, *models, *shadows)
    assert done.returncode == 0 and "score lira" in " ".join(done.stdout.split()), done.stdout + done.stderr
    asked = (str(folder / "in-question.jsonl"), "--calibration", "kind", "--alpha", "0.05", "--json")
    done = memprobe("probe", *asked, *models, *shadows)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == 20 and all(row["score"]["name"] == "lira" for row in answers)
    assert sum(row["verdict"] == "member" for row in answers) <= 4
    done = memprobe("probe", *asked, *models)
    assert done.returncode == 2 and "shadow" in done.stderr  # the calibration is for scores that these models lack


def test_an_audit_is_one_command(memprobe: Callable[..., CompletedProcess[str]], folder: Path) -> None:
    path, fleet = folder / "audit.toml", ("--fleet", str(folder / "fleet"))
    path.write_text('target = "target"\n' + (folder / "recipe.toml").read_text())
    done = memprobe("audit", "attacks", str(path), "--out", str(folder / "report"), *fleet, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["members"], found["nonmembers"]) == (50, 75)
    areas = {name: row["auc"]["value"] for name, row in found["scores"].items() if row["auc"].get("value") is not None}
    assert {"loss", "ref", "lira", "rmia", "feature_attack"} <= areas.keys() and areas["lira"] > areas["loss"]
    assert {"report.html", "evaluation.json", "scores.csv"} <= {one.name for one in (folder / "report").iterdir()}
    done = memprobe("audit", "attacks", str(folder / "recipe.toml"), "--out", str(folder / "other"), *fleet)
    assert done.returncode == 2 and "An audit takes a recipe with target" in done.stderr
    path.write_text('target = "absent"\n' + (folder / "recipe.toml").read_text())
    done = memprobe("audit", "attacks", str(path), "--out", str(folder / "never"))
    assert done.returncode == 2 and "absent" in done.stderr and "Training" not in done.stderr


def test_defences_of_the_guide_are_held_against_none(
    memprobe: Callable[..., CompletedProcess[str]], tmp_path: Path
) -> None:
    (own,) = re.findall(r"```toml\n(\[defences.*?)```", GUIDE.read_text(), flags=re.DOTALL)
    rows = [json.dumps({"id": f"t {n}", "text": text}) + "\n" for n, text in enumerate(DISTINCT[:400])]
    (tmp_path / "texts.jsonl").write_text("".join(rows))
    path = tmp_path / "recipe.toml"
    head = f'base = "{ASSETS / "reference"}"\ntexts = ["texts.jsonl"]\nshadows = 4\n'
    path.write_text(f"{head}[training]\nepochs = 1\nrate = 0.001\ntokens = 2048\n{own}")
    command = ("audit", "defences", str(path), "--out", str(tmp_path / "report"))
    done = memprobe(*command, "--only", "dropout .3", "--json")
    assert done.returncode == 0, done.stderr
    assert [one["defence"] for one in json.loads(done.stdout)["arms"]] == ["no defence", "dropout .3"]
    assert "Attacking dropout .3" in done.stderr and (tmp_path / "report" / "report.html").is_file()
    done = memprobe(*command, "--only", "dropout")
    assert (
        done.returncode == 2 and "No defence is named dropout; there are no defence, dropout .3, private" in done.stderr
    )


def test_a_fleet_that_is_killed_goes_on_in_two_processes_to_the_same_weights(folder: Path) -> None:
    again, own = folder / "again", {**os.environ, "OMP_NUM_THREADS": "1"}
    train = ["shadow", "train", str(folder / "recipe.toml"), "--out", str(again)]
    command = [sys.executable, "-m", "probe", *train, "--every", "0.5"]
    process = subprocess.Popen(command, env=own, start_new_session=True, stderr=subprocess.PIPE)
    time.sleep(random.Random(0).uniform(8, 14))
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)  # its trainings end with it, and let go of the pipe
    launch = [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        "--cpu",
        "--num_processes",
        "2",
        "--num_machines",
        "1",
    ]
    options = ["--main_process_port", "0", "--mixed_precision", "no", "--dynamo_backend", "no"]
    done = subprocess.run(
        [*launch, *options, "-m", "probe", *train], env=own, capture_output=True, text=True, check=False, timeout=400
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("holds 4 models") == 1
    assert weights(again) == weights(folder / "fleet")
    assert not list((again / "models").glob("*.part"))
