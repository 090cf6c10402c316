"""A plan -> a folder of shadow models, several trained side by side; what is there already is not trained again.

Under `accelerate launch` every process trains its share of the models on its own device.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from queue import Empty
from typing import Any

import torch
from accelerate import PartialState

from probe.errors import InputError
from probe.shadow.folder import PLAN, POPULATION, made, place_of
from probe.shadow.make import begun, make, quiet
from probe.shadow.plan import Plan
from probe.shadow.recipe import Recipe
from probe.shadow.train import EVERY, silent
from probe.shadow.train import Progress as ModelProgress
from probe.shadow.universe import Universe, universe, write_membership
from probe.versions import versions

Progress = Callable[[int, int, float], None]  # models done, models in all, share of all work done
_BYTES = 24  # per parameter while it is trained: weights, gradients, moments, and room for activations


@dataclass(frozen=True)
class Order:
    """One model to be trained."""

    base: str
    texts: Sequence[str]
    recipe: Recipe
    out: Path
    device: str
    spare: Sequence[str] = ()


def train_fleet(
    plan: Plan, out: Path, progress: Progress = lambda done, total, share: None, side_by_side: int | None = None,
    every: float = EVERY,
) -> Universe:  # fmt: skip
    """Trains what is not there yet and returns who saw what. Raises InputError, ModelError.

    every: seconds between checkpoints. A fleet of another plan in the same folder is refused.
    """
    state, found = PartialState(), universe(plan)
    if state.is_main_process:
        _write(plan, found, out)
    state.wait_for_everyone()
    with state.main_process_first():
        base = begun(plan.base, out / "base", plan.seed)
    spare = [text.text for text in found.spare] if plan.recipe.spares else []
    orders = [
        Order(
            base, [text.text for text in found.of_model(number)],
            replace(plan.recipe, seed=1000 * (plan.seed + 1) + number), place_of(out, number), str(state.device), spare,
        )
        for number in range(len(found.inside))
    ]  # fmt: skip
    mine = orders[state.process_index :: state.num_processes]
    _train(mine, side_by_side or _side_by_side(Path(base), state.device), progress, every)
    state.wait_for_everyone()
    return found


def train_one(plan: Plan, texts: Sequence[str], out: Path, progress: ModelProgress = silent) -> None:
    """Trains one model on all of these texts by the plan's recipe. Raises InputError, ModelError.

    Where it promises privacy and the plan names no seed, one is drawn, kept until the training ends, and forgotten.
    """
    secret = out.with_name(f"{out.name}.seed")
    seed = _secret(secret) if plan.recipe.epsilon and not plan.seed else plan.seed
    base = begun(plan.base, out.with_name(f"{out.name}-base"), plan.seed)
    spare = [text.text for text in plan.groups.get("spare", [])]
    make(
        base, texts, replace(plan.recipe, seed=seed), out, spare=spare,
        device=str(PartialState().device), progress=progress,
    )  # fmt: skip
    secret.unlink(missing_ok=True)


def _secret(path: Path) -> int:
    """Returns a seed that nobody knows, the same until its file is gone."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(str(1 + secrets.randbits(62)))
    return int(path.read_text())


def _write(plan: Plan, found: Universe, out: Path) -> None:
    facts = {
        "base": plan.base, "recipe": asdict(plan.recipe), "seed": plan.seed, "shadows": plan.shadows,
        "singles": plan.singles, "texts": len(found.texts), "left_out": found.left_out, "choice of texts": found.digest,
    }  # fmt: skip
    path = out / PLAN
    if path.is_file():
        before = json.loads(path.read_text())
        if other := [name for name, value in facts.items() if before.get(name) != value]:
            raise InputError(
                f"{out} holds a fleet with another {', '.join(other)}; name another folder, or delete it.", "out"
            )
    (out / "models").mkdir(parents=True, exist_ok=True)
    write_membership(out, found.texts, found.inside)
    lines = (json.dumps({"id": text.id, "text": text.text}) for text in found.population)
    (out / POPULATION).write_text("".join(f"{line}\n" for line in lines))
    path.write_text(json.dumps({**facts, "versions": versions()}, indent=1) + "\n")


def _side_by_side(base: Path, device: torch.device) -> int:
    """Returns how many trainings fit beside each other: a core each, or what a GPU's free memory holds."""
    weights = sum(path.stat().st_size for path in base.glob("*.safetensors")) if base.is_dir() else 1 << 40
    need = max(1, weights // 4 * _BYTES)
    if device.type == "cuda":
        return max(1, min(4, torch.cuda.mem_get_info(device)[0] // (2 * need)))
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(os.cpu_count() or 1, free // (2 * need)))


def _train(orders: Sequence[Order], side_by_side: int, progress: Progress, every: float) -> None:
    missing = [order for order in orders if not made(order.out)]
    if not missing:
        return
    context = get_context("spawn")
    shares = context.Queue()  # not a manager's: its process would outlive this one, should it be killed
    with ProcessPoolExecutor(side_by_side, context, _begin, (shares, os.getpid())) as pool:
        running = {pool.submit(_make, order, every) for order in missing}
        try:
            _watch(running, shares, len(orders), len(orders) - len(missing), progress)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _watch(running: set[Future[None]], shares: Any, total: int, before: int, progress: Progress) -> None:
    """Passes on how far the trainings are until all have ended."""
    done: dict[Path, float] = {}
    pending: set[Future[None]] = running
    while pending:
        ended, pending = wait(pending, timeout=0.5)
        for one in ended:
            one.result()
        while True:
            try:
                place, share = shares.get_nowait()
            except Empty:
                break
            done[place] = share
        progress(before + len(running) - len(pending), total, (before + sum(done.values())) / total)


_beginner: dict[str, Any] = {}  # of a process that trains: where to say how far it is, and who began it


def _begin(shares: Any, parent: int) -> None:
    torch.set_num_threads(1)
    quiet()
    _beginner.update(shares=shares, parent=parent)


def _make(order: Order, every: float) -> None:
    said = 0.0

    def tell(label: str, share: float, loss: float) -> None:
        nonlocal said
        if os.getppid() != _beginner["parent"]:  # it was killed: who goes on must not find another at the checkpoint
            os._exit(1)
        if share - said >= 0.01 or share == 1:
            said = share
            _beginner["shares"].put((order.out, share))

    make(
        order.base, order.texts, order.recipe, order.out, spare=order.spare, device=order.device, progress=tell,
        every=every,
    )  # fmt: skip
