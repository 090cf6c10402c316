"""Going on with a text: what an engine that can write takes, and the answer of those that cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from probe.models.base import OWN, Sampler
from probe.types import Ints, Unscored

_MUTE = Unscored(
    "this engine writes no text: use the local one (a hub id or folder), or ask the server itself (memprobe ask)"
)


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """ids: int32 [tokens], BOS included; size: the most tokens that are to be added."""

    ids: Ints
    size: int


@runtime_checkable
class Writer(Protocol):
    """An engine that goes on with texts."""

    def write(self, prompts: Sequence[Prompt], samples: int, sampler: Sampler = OWN) -> list[list[str] | Unscored]:
        """Returns `samples` continuations per prompt, drawn by the sampler, or why there are none; for 0 samples a
        single one, of the likeliest token each time.

        What is drawn depends on the prompt and on nothing beside it.
        """


def cost(prompts: Sequence[Prompt], samples: int) -> int:
    """Returns how many tokens are read and, at most, written for so many continuations of each (0: one)."""
    return sum(len(prompt.ids) + max(1, samples) * prompt.size for prompt in prompts)


def write(
    engine: object, prompts: Sequence[Prompt], samples: int, sampler: Sampler = OWN
) -> list[list[str] | Unscored]:
    """Lets an engine write, or says for each prompt that it cannot."""
    return engine.write(prompts, samples, sampler) if isinstance(engine, Writer) else [_MUTE] * len(prompts)
