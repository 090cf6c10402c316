"""A reference adapted to the kind of text in question: it learns known non-members, as a target learned its members.

A fine-tuned target knows the names, the subject and the manner of its training texts, and credits non-members of the
same kind with them. Against a reference that read other texts of that kind, what is left is what only the text itself
can have taught: the reference is then an OUT model in the sense of LiRA (Carlini et al. 2022), shared by all texts.
"""

from __future__ import annotations

import math
import random
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from transformers import PreTrainedModel

from probe.data.overlap import without_copies
from probe.errors import InputError, ModelError
from probe.models.load import Source, find
from probe.shadow.learned import read_learned, write_learned
from probe.shadow.make import trainable
from probe.shadow.recipe import Recipe
from probe.shadow.rows import readable, rows_of
from probe.shadow.train import Progress, evaluate, silent, train
from probe.versions import versions

FEWEST = 100  # texts; fewer teach a model their own words only
HELD_OUT, MOST_HELD_OUT = 10, 500  # one text in so many, at most so many, says when to stop
EPOCHS = 4
RECIPE = Recipe(EPOCHS, 4e-4, 2048, muon=True)  # of a model of a million parameters; slow, for little noise
STEPS = 64  # of an epoch, at least where texts are few


@dataclass(frozen=True, slots=True)
class Adapted:
    """used: texts that were learned, left_out: copies of others and what cannot be read. before, after: the held-out
    loss, nats per token.
    """

    folder: Path
    recipe: Recipe
    used: int
    held_out: int
    left_out: int
    before: float
    after: float


def adapt(
    reference: str, texts: Sequence[str], out: Path, *, epochs: int = EPOCHS, rate: float | None = None,
    revision: str | None = None, device_map: str | None = None, seed: int = 0, progress: Progress = silent,
) -> Adapted:  # fmt: skip
    """Trains a hub id's or folder's model on all but a tenth of these texts and writes it to the folder `out`.

    Of the epochs the one is kept after which the held-out tenth has the least loss. rate: by the model's size where
    none is given. Raises InputError where there are too few texts or nothing was learned, ModelError for a model that
    cannot be loaded or trained.
    """
    if out.exists():
        raise InputError(f"{out} is there already; name a folder that is not.", "out")
    if "://" in reference:
        raise ModelError(f"{reference} is a server, and what it serves cannot be trained: name the model's folder.")
    source = find(reference, dtype="float32", device_map=device_map, revision=revision)
    learned, held_out = _parts(without_copies(readable(source, texts), str), seed)
    model = trainable(source)
    rows, rows_out = rows_of(source, learned), rows_of(source, held_out)
    recipe = replace(
        RECIPE, epochs=epochs, rate=rate or usual_rate(model.num_parameters()), seed=seed,
        tokens=max(256, min(RECIPE.tokens, sum(map(len, rows)) // STEPS)),
    )  # fmt: skip
    before = evaluate(model, rows_out)
    trained = train(model, rows, recipe, rows_out, progress)
    found = Adapted(
        out, recipe, len(learned), len(held_out), len(texts) - len(learned) - len(held_out), before,
        evaluate(trained, rows_out),
    )  # fmt: skip
    if not found.after < before:
        raise InputError(
            f"Nothing was learned: the held-out loss went from {before:.3f} to {found.after:.3f} nats per token. Try "
            f"a rate below {recipe.rate:g} (--rate), or bring more texts.", "rate",
        )  # fmt: skip
    _write(trained, source, [*learned, *held_out], found)
    return found


def usual_rate(parameters: int) -> float:
    """Returns a learning rate for this size: .0004 for a million parameters, .00004 for a hundred million."""
    return max(1e-5, min(RECIPE.rate, RECIPE.rate * math.sqrt(1e6 / parameters)))


def _parts(texts: list[str], seed: int) -> tuple[list[str], list[str]]:
    """Returns texts to learn and texts to stop by."""
    if len(texts) < FEWEST:
        raise InputError(f"{len(texts)} distinct texts; bring at least {FEWEST} to adapt a model to.", "nonmembers")
    shuffled = random.Random(seed).sample(texts, len(texts))
    share = min(len(texts) // HELD_OUT, MOST_HELD_OUT)
    return shuffled[share:], shuffled[:share]


def _write(model: PreTrainedModel, source: Source, texts: Sequence[str], found: Adapted) -> None:
    """Under another name first: a folder of the right name is whole."""
    part = found.folder.with_name(found.folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    model.save_pretrained(part)
    source.tokenizer.save(part)
    facts = {
        "adapted_from": source.hash, "recipe": asdict(found.recipe), "texts": found.used, "held_out": found.held_out,
        "held_out_loss": [found.before, found.after], "versions": versions(),
    }  # fmt: skip
    write_learned(part, texts, read_learned(source.folder), facts)
    part.rename(found.folder)
