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
FEW = "shadows = 4\n\n[training]\nepochs = 3\nrate = 0.001\ntokens = 1024\n"


def recipe(folder: Path) -> Path:
    """The guide's own, with fewer and shorter trainings."""
    (found,) = re.findall(r"```toml\n(base = .*?)```", GUIDE.read_text(), flags=re.DOTALL)
    for name, texts in (("trained", DISTINCT[:60]), ("others", DISTINCT[60:260]), ("in-question", DISTINCT[260:300])):
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
    assert done.returncode == 0 and "holds 4 models; each saw half of 200 texts, 100 were" in done.stdout, done.stderr
    done = memprobe("shadow", "target", path, "--out", str(folder / "target"))
    assert done.returncode == 0 and "was trained on 60 texts" in done.stdout, done.stderr
    models = ("--target", str(folder / "target"), "--reference", str(ASSETS / "reference"))
    shadows = ("--shadows", str(folder / "fleet"))
    known = ("--members", str(folder / "trained.jsonl"), "--nonmembers", str(folder / "others.jsonl"))
    done = memprobe("evaluate", *known, *models, *shadows, "--scores", "loss,lira", "--json")
    assert done.returncode == 0, done.stderr
    areas = {name: row["auc"]["value"] for name, row in json.loads(done.stdout)["scores"].items()}
    assert areas["lira"] > 0.9 > areas["loss"] - 0.05
    done = memprobe("calibrate", "kind", *known, *models, *shadows)
    assert done.returncode == 0 and "score lira" in " ".join(done.stdout.split()), done.stdout + done.stderr
    asked = (str(folder / "in-question.jsonl"), "--calibration", "kind", "--alpha", "0.05", "--json")
    done = memprobe("probe", *asked, *models, *shadows)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == 40 and all(row["score"]["name"] == "lira" for row in answers)
    assert sum(row["verdict"] == "member" for row in answers) <= 6
    done = memprobe("probe", *asked, *models)
    assert done.returncode == 2 and "shadow" in done.stderr  # the calibration is for scores that these models lack


def test_a_fleet_that_is_killed_goes_on_to_the_same_weights(folder: Path) -> None:
    dice, again = random.Random(0), folder / "again"
    command = [sys.executable, "-m", "probe", "shadow", "train", str(folder / "recipe.toml"), "--out", str(again)]
    own = {**os.environ, "OMP_NUM_THREADS": "1"}
    for _ in range(3):
        process = subprocess.Popen(
            [*command, "--every", "0.5"], env=own, start_new_session=True, stderr=subprocess.PIPE
        )
        time.sleep(dice.uniform(6, 14))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    done = subprocess.run(command, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert weights(again) == weights(folder / "fleet")
    assert not list((again / "models").glob("*.part"))


def test_two_processes_of_accelerate_share_the_models(folder: Path) -> None:
    both = folder / "both"
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
    ports = ["--main_process_port", "0", "--mixed_precision", "no", "--dynamo_backend", "no", "-m", "probe"]
    command = [*launch, *ports, "shadow", "train", str(folder / "recipe.toml"), "--out", str(both)]
    own = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=own, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("holds 4 models") == 1
    assert weights(both) == weights(folder / "fleet")
