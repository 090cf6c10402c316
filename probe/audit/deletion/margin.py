"""The margin: how much of an effect still counts as none, said before looking."""

from __future__ import annotations

import re
from dataclasses import dataclass

from probe.errors import InputError

_NUMBER = re.compile(r"\s*(\d*\.?\d+)\s*(%?)\s*")


@dataclass(frozen=True, slots=True)
class Margin:
    """share: of the effect that the texts had before, 0 to 1; nats per token: counts instead where it is given."""

    share: float = 0.1
    nats: float | None = None

    def __str__(self) -> str:
        return f"{100 * self.share:g}% of what they had before" if self.nats is None else f"{self.nats:g} nats"


def parse(text: str) -> Margin:
    """Reads `10%`, a share of the effect before, or `0.02`, nats per token. Raises InputError."""
    found = _NUMBER.fullmatch(text)
    value = float(found[1]) if found else 0.0
    if found and found[2] and 0 < value < 100:
        return Margin(share=value / 100)
    if found and not found[2] and value > 0:
        return Margin(nats=value)
    raise InputError(
        f"{text} is no margin: write a share of the effect that the texts had before, such as 10%, or nats per token, "
        "such as 0.02.", "margin",
    )  # fmt: skip
