"""What a score is: a pure function of token statistics, with what it needs and where it comes from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from probe.scores.copies import Copies
from probe.scores.fitted import UNFITTED, Fitted
from probe.scores.view import Need, Role, View
from probe.types import Evidence, Score, Unscored
from probe.untold import place


@dataclass(frozen=True, slots=True)
class Method:
    """One row of the score table. Higher values mean a likelier member.

    compared: the reference reads the copies too. samples: continuations that the target writes.
    """

    id: str
    function: Callable[[View], float | Unscored]
    needs: tuple[Need, ...]
    paper: str
    copies: Copies | None = None
    prefixes: tuple[Role, ...] = ()
    compared: bool = False
    samples: int = 0

    def __call__(self, evidence: Evidence, fitted: Fitted = UNFITTED) -> Score:
        """Returns the score, or the reason why this evidence does not give it."""
        return self.of(View(evidence, fitted))

    def of(self, view: View) -> Score:
        """The same, for a view that several scores share; it is computed once."""
        if self.id not in view.known:
            view.known[self.id] = self._of(view)
        return view.known[self.id]

    def _of(self, view: View) -> Score:
        for need in self.needs:
            if missing := view.missing(need):
                return Score(reason=missing.reason)
        if missing := view.lacks(self.copies.name if self.copies else None, self.prefixes, self.compared):
            return Score(reason=missing.reason)
        try:
            value = self.function(view)
            if isinstance(value, Unscored):
                return Score(reason=value.reason)
            figure = float(value)
        except (Exception, SystemExit) as error:  # of a plug-in: one score of one text, and nothing else, is lost
            return Score(reason=f"the score failed with {place(error)}")
        return Score(value=figure) if math.isfinite(figure) else Score(reason="the value is not a finite number")

    @property
    def passes(self) -> int:
        """Texts that the target reads or writes for this score, itself among them; a gradient counts as one too."""
        copies = self.copies.passes if self.copies else 0
        return 1 + len(self.prefixes) + copies + self.samples + ("gradient" in self.needs)
