"""Whether models can be compared at all: each of them counts once, and all of them read the same tokens."""

from __future__ import annotations

from collections.abc import Sequence

from probe.errors import InputError
from probe.models.base import Engine, Identity


def check(identities: Sequence[Identity], after: int) -> None:
    """Raises InputError where a model is there twice; identities: before, `after` of the models after, retrained.

    A model that is its own control, or counts twice, would seem to agree with itself. The model after may be the one
    before: then nothing was deleted, and that is what the audit must find.
    """
    groups = (identities[:1], identities[1 : 1 + after], identities[1 + after :])
    hashes = [[one.model for one in group] for group in groups]
    for one in identities[1 + after :]:
        if [*hashes[0], *hashes[1], *hashes[2]].count(one.model) > 1:
            raise InputError(f"{one.name} is named as retrained and once more; name every model once.", "retrained")
    if len(set(hashes[1])) < after:
        raise InputError("Two of the models after the deletion are the same; name every model once.", "after")


def check_alike(engines: Sequence[Engine]) -> None:
    """Raises InputError where the models' likelihoods cannot be compared."""
    first = engines[0]
    for engine in engines[1:]:
        mine, other = first.identity, engine.identity
        if not first.same_tokenizer(engine):
            raise InputError(
                f"{other.name} has another tokenizer than {mine.name}, so the likelihoods of their tokens cannot be "
                "compared. Name models of one family.", "after",
            )  # fmt: skip
        if (mine.dtype, mine.windows, mine.engine) != (other.dtype, other.windows, other.engine):
            raise InputError(
                f"{other.name} runs as {other.dtype}, {other.windows}, {other.engine} and {mine.name} as {mine.dtype}, "
                f"{mine.windows}, {mine.engine}: name a --dtype, and models of one context.", "dtype",
            )  # fmt: skip
