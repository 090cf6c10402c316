"""What a deletion audit takes, and what it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from probe.audit.deletion.by_model import ByModel
from probe.audit.deletion.decide import Decision, Outcome
from probe.audit.deletion.deviations import Deviations
from probe.audit.deletion.margin import Margin
from probe.audit.deletion.privleak import Leak
from probe.audit.deletion.together import Together
from probe.audit.deletion.ulira import Attack
from probe.audit.figures import Measured
from probe.audit.metrics import Figure, Vector
from probe.calibration.blind import differ
from probe.errors import InputError
from probe.models.base import Engine, Identity
from probe.scores.shadowed import Flags
from probe.types import Unscored


@dataclass(frozen=True, slots=True)
class Models:
    """Hub ids or folders."""

    before: str
    after: tuple[str, ...]
    retrained: tuple[str, ...]

    def open(self, opened: Callable[[str], Engine]) -> list[Engine]:
        """Returns the engines: before, after, retrained; weights are read later. Raises InputError, ModelError."""
        if not self.after or not self.retrained:
            raise InputError("Name the model after the deletion and at least one retrained one.", "retrained")
        return [opened(source) for source in (self.before, *self.after, *self.retrained)]


@dataclass(frozen=True, slots=True)
class Options:
    """alpha: of every test, and 1 - alpha the confidence of every interval."""

    alpha: float = 0.05
    margin: Margin = field(default_factory=Margin)

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 0.5:
            raise InputError("alpha lies between 0 and 0.5.", "alpha")


@dataclass(frozen=True, slots=True, eq=False)
class Deletion:
    """What was found; no text is in it. ids, deleted, phi, mink: of the texts that every model scores, deleted first.

    found, q, calls: per deleted text. models: before, after, retrained. unscored: id and reason; left_out: a line each.
    blind: AUC of the words alone; blind_enough: whether there were texts enough to say that groups are of one kind.
    """

    decision: Decision
    ids: tuple[str, ...]
    deleted: Flags
    phi: ByModel
    mink: ByModel
    found: Deviations
    q: Vector
    calls: tuple[Outcome, ...]
    together: Together | Unscored
    attack: Attack | Unscored
    leaks: tuple[Leak, ...]
    privleak: Measured
    blind: Figure | None
    blind_enough: bool
    models: tuple[Identity, ...]
    options: Options
    data: str
    unscored: tuple[tuple[str, str], ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def outcome(self) -> Outcome:
        return self.decision.outcome

    @property
    def separates_blindly(self) -> bool | None:
        """True where the words alone tell deleted from unseen texts; None with too few texts to say."""
        return differ(self.blind) if self.blind and self.blind_enough else None
