"""What a calibration holds for: the models, tokenizers, dtypes, window policy and formulas that its scores came from.

These must match. Engine, device and library versions are recorded; where they differ, sentinel texts decide.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from probe.scores import VERSION as FORMULAS
from probe.setup import Setup
from probe.versions import versions


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Up to `formulas` the fields must match; the rest is recorded."""

    target: str
    tokenizer: str
    dtype: str
    windows: str
    reference: str | None = None
    reference_tokenizer: str | None = None
    reference_dtype: str | None = None
    reference_windows: str | None = None
    shadows: str = ""
    formulas: str = FORMULAS
    engine: str = ""
    device: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    prefixes: dict[str, str] = field(default_factory=dict)
    frequencies: str = ""
    neighbours: str = ""
    revisions: dict[str, str] = field(default_factory=dict)  # commits of models that are from the hub

    def mismatches(self, other: Fingerprint) -> list[str]:
        """Returns the names of the fields that must match and do not."""
        recorded = {"engine", "device", "versions", "prefixes", "frequencies", "neighbours", "revisions"}
        mine, theirs = asdict(self), asdict(other)
        return [name for name in mine if name not in recorded and mine[name] != theirs[name]]

    def same_conditions(self, other: Fingerprint) -> bool:
        """True where engine, device and library versions are the same too."""
        return (self.engine, self.device, self.versions) == (other.engine, other.device, other.versions)


def take(setup: Setup) -> Fingerprint:
    """Returns the fingerprint of target and reference as they are loaded now."""
    mine = setup.target.identity
    other = setup.reference.identity if setup.reference else None
    return Fingerprint(
        target=mine.model, tokenizer=mine.tokenizer, dtype=mine.dtype, windows=mine.windows,
        reference=other.model if other else None, reference_tokenizer=other.tokenizer if other else None,
        reference_dtype=other.dtype if other else None, reference_windows=other.windows if other else None,
        engine=mine.engine, device=mine.device, versions=versions(), prefixes=setup.prefixes.hashes(),
        frequencies=setup.frequencies.hash if setup.frequencies else "",
        neighbours=setup.proposer.hash if setup.proposer else "",
        shadows=setup.shadows.hash if setup.shadows else "",
        revisions={
            name: one.revision for name, one in (("target", mine), ("reference", other)) if one and one.revision
        },
    )  # fmt: skip
