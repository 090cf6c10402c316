"""What may be chosen for a whole scan: in the metadata of a batch, whose values are strings, or on the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from probe.data.read import Columns
from probe.errors import InputError
from probe.prepared import ALPHA, LEAST_ALPHA, Options
from probe.scores import choose
from probe.untold import called

MOST_TOKENS = 16_384


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """q: the false discovery rate at which the batch decision is made. whole: rows of the output are answers of
    /v1/probe in OpenAI's envelope; else they are records, as `memprobe probe --json` writes them.
    """

    scores: tuple[str, ...] | None = None
    calibration: str | None = None
    alpha: float = ALPHA
    q: float = 0.05
    max_tokens: int = MOST_TOKENS
    text_column: str = "text"
    id_column: str = "id"
    return_tokens: bool = False
    whole: bool = True

    def __post_init__(self) -> None:
        if not LEAST_ALPHA <= self.q < 1:
            raise InputError(f"q must lie between 0 and 1 and be {LEAST_ALPHA:g} or more, not {self.q}.", "q")
        if self.max_tokens < 2:
            raise InputError(f"max_tokens must be 2 or more, not {self.max_tokens}.", "max_tokens")
        _ = self.probing  # raises for an unknown score or an alpha that cannot be

    @property
    def probing(self) -> Options:
        return Options(None if self.scores is None else choose(self.scores), self.alpha, self.max_tokens)

    @property
    def columns(self) -> Columns:
        return Columns(self.text_column, self.id_column)

    def stored(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_stored(cls, stored: Mapping[str, Any]) -> ScanOptions:
        scores = stored["scores"]
        return cls(**{**stored, "scores": None if scores is None else tuple(scores)})


_NAMES = {field.name for field in fields(ScanOptions)} - {"whole"}


def of_metadata(metadata: Mapping[str, str]) -> ScanOptions:
    """Returns the options that the metadata names; other keys are the caller's own. Raises InputError."""
    chosen: dict[str, Any] = {}
    for name in _NAMES & metadata.keys():
        chosen[name] = _value(name, metadata[name])
    return ScanOptions(**chosen)


def _value(name: str, value: str) -> Any:
    try:
        if name == "scores":
            names = json.loads(value) if value.lstrip().startswith("[") else value.split(",")
            return tuple(str(one).strip() for one in names)
        if name in ("alpha", "q"):
            return float(value)
        if name == "max_tokens":
            return int(value)
        if name == "return_tokens":
            return {"true": True, "false": False}[value.lower()]
    except (ValueError, KeyError, RecursionError) as error:
        raise InputError(f"metadata.{name}: {called(value, 'it')} cannot be read.", f"metadata.{name}") from error
    return value
