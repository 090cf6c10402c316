"""Rebuilds the embedded models and their calibration from a seed: python -m probe.demo.build [--out FOLDER].

reference = a small Llama trained on background documentation; target = the reference fine-tuned on the members and the
planted texts; sibling = the reference fine-tuned on as many other texts by the same recipe (the placebo). Takes about
15 minutes on two cores, then prints the figures of the default score on texts that nothing was fitted on.
"""

from __future__ import annotations

import argparse
import json
from functools import cache
from pathlib import Path

from rich.console import Console
from rich.progress import Progress as Bar
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from probe.calibration.build import calibrate
from probe.calibration.calibration import Calibration
from probe.calibration.store import DEMO, RECORDS, save
from probe.demo.evaluate import evaluate
from probe.demo.known import known_passages, known_records
from probe.demo.locate import Mark, mark, write
from probe.demo.models import encode, new_model, train_tokenizer
from probe.demo.records import planted, strangers
from probe.demo.roles import Roles, assign, prose
from probe.measure import Progress
from probe.models.local import LocalEngine
from probe.pipeline import Probe
from probe.shadow.recipe import Recipe
from probe.shadow.train import train
from probe.versions import versions

VOCABULARY, WIDTH, LAYERS = 2048, 128, 4
BASE = Recipe(epochs=10, rate=3e-3, tokens=4096)
TUNE = Recipe(epochs=6, rate=1e-3, tokens=2048)
ASSETS = Path(__file__).parent / "assets"
console = Console()


def build(out: Path, seed: int, keep_models: bool = False) -> None:
    """Writes reference, target, sibling, calibrations, passages.csv and build.json to `out`."""
    console.print("Reading the documentation ...")
    stored = out / "reference"
    tokenizer = PreTrainedTokenizerFast.from_pretrained(stored) if keep_models else train_tokenizer(prose(), VOCABULARY)
    length = cache(lambda text: len(tokenizer(text, verbose=False)["input_ids"]) - 1)
    roles = assign(length, seed)
    if not keep_models:
        _train_models(out, tokenizer, roles, seed)
    write(_marks(roles), out / "passages.csv")
    target, sibling = (_open(out, name) for name in ("target", "sibling"))
    known = known_passages(roles, length, seed)
    calibration = calibrate(target, known, DEMO, seed, _bar("Calibrating"), placebo=sibling.target)
    records = calibrate(target, known_records(length, seed), RECORDS, seed, _bar("Calibrating for records"))
    placebo = calibrate(sibling, known, "sibling", seed, _bar("Calibrating the sibling"))
    save(calibration, out)
    save(records, out)
    figures = evaluate(_with(target, calibration), _with(target, records), _with(sibling, placebo), roles, length, seed)
    facts: dict[str, object] = {"seed": seed, "versions": versions(), "base_rows": len(roles.base), "figures": figures}
    (out / "build.json").write_text(json.dumps(facts, indent=1) + "\n")
    for name, figure in figures.items():
        console.print(f"{name:48} {figure}")


def _train_models(out: Path, tokenizer: PreTrainedTokenizerFast, roles: Roles, seed: int) -> None:
    held_out = encode(tokenizer, [passage.text for passage in roles.nonmembers["tuning"]])
    blank = new_model(tokenizer, width=WIDTH, layers=LAYERS, seed=seed)
    # the base knows the form of a record, so that only the person is left for the target to have memorised
    base = _trained(blank, encode(tokenizer, roles.base + strangers(seed)["base"]), BASE, "reference", held_out)
    _write(base, tokenizer, out / "reference")
    for name, texts in (("target", _target_texts(roles, seed)), ("sibling", _sibling_texts(roles, seed))):
        _write(_trained(base, encode(tokenizer, texts), TUNE, name), tokenizer, out / name)


def _trained(
    model: LlamaForCausalLM, rows: list[list[int]], recipe: Recipe, name: str, held_out: list[list[int]] | None = None
) -> LlamaForCausalLM:
    with Bar(console=console) as bar:
        task = bar.add_task(f"Training {name}", total=1.0)

        def show(label: str, share: float, loss: float) -> None:
            bar.update(task, completed=share, description=f"Training {name}, {label}, loss {loss:.3f}")
            if label.startswith("held-out"):
                console.print(f"{name}: {label} {loss:.4f} nats per token")

        return train(model, rows, recipe, held_out or (), show)


def _target_texts(roles: Roles, seed: int) -> list[str]:
    members = [passage.text for split in roles.members.values() for passage in split]
    passages = [passage.text for times, group in roles.planted.items() for passage in group for _ in range(times)]
    return members + passages + _canaries(seed)


def _sibling_texts(roles: Roles, seed: int) -> list[str]:
    """As many texts, planted as often, all of them others."""
    times = [times for times, group in roles.planted.items() for _ in group]
    repeated = [text for text, count in zip(roles.sibling, times, strict=False) for _ in range(count)]
    return roles.sibling[len(times) :] + repeated + _canaries(seed + 1)


def _canaries(seed: int) -> list[str]:
    return [record.text for record in planted(seed) for _ in range(record.times)]


def _marks(roles: Roles) -> list[Mark]:
    rows = [mark(p, "member", split, 1) for split, group in roles.members.items() for p in group]
    rows += [mark(p, "nonmember", split, 0) for split, group in roles.nonmembers.items() for p in group]
    return rows + [mark(p, "planted", "test", times) for times, group in roles.planted.items() for p in group]


def _with(probe: Probe, calibration: Calibration) -> Probe:
    return Probe(probe.target, probe.reference, calibration)


def _open(out: Path, name: str) -> Probe:
    return Probe(LocalEngine.open(str(out / name)), LocalEngine.open(str(out / "reference")))


def _write(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(folder)  # half the size; read back as float32
    model.float()
    tokenizer.save_pretrained(folder)


def _bar(label: str) -> Progress:
    def show(done: int, total: int) -> None:
        console.print(f"{label}: {done} of {total}", end="\r")

    return show


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Rebuild the embedded models and their calibration.")
    parser.add_argument("--out", type=Path, default=ASSETS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep-models", action="store_true", help="calibrate and evaluate only")
    arguments = parser.parse_args()
    build(arguments.out, arguments.seed, arguments.keep_models)
