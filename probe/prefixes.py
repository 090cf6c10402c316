"""Known texts that stand before a text, for the scores that compare it behind them with it alone (ReCaLL)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np
import numpy.typing as npt

from probe.data.overlap import index, overlap
from probe.errors import InputError
from probe.models.base import Engine
from probe.scores.view import Role
from probe.types import Tokens, Unscored

_REMEDY = {
    "nonmembers": "no prefix of known non-members is given: name a file of them (--prefix, MEMPROBE_PREFIX)",
    "members": "no prefix of known members is given: name a file of them (--member-prefix, MEMPROBE_MEMBER_PREFIX)",
}


@dataclass(frozen=True, slots=True, eq=False)
class Prefixes:
    """By role: the prefix's token ids under the target, and the shingles of its texts."""

    ids: Mapping[Role, tuple[int, ...]] = field(default_factory=dict)
    shingles: Mapping[Role, npt.NDArray[np.uint32]] = field(default_factory=dict)

    def refusal(self, role: Role, text: str) -> Unscored | None:
        """Returns why this text cannot stand behind the prefix of this role, or None.

        A text that is part of the prefix, or a near-copy, would only be repeated.
        """
        if role not in self.ids:
            return Unscored(_REMEDY[role])
        if shared := overlap(text, self.shingles[role]):
            return Unscored(f"it shares a run of {shared} words with the prefix")
        return None

    def hashes(self) -> dict[str, str]:
        """Returns what a result must name to be repeated: SHA-256 of the ids (int32), by role."""
        return {
            role: "sha256:" + sha256(np.asarray(ids, dtype=np.int32).tobytes()).hexdigest()
            for role, ids in self.ids.items()
        }


NO_PREFIXES = Prefixes()


def open_prefixes(target: Engine, texts: Mapping[Role, Sequence[str]]) -> Prefixes:
    """Joins each role's texts by a space, as many as fit half of the target's context. Raises InputError."""
    chosen = {role: _fitting(target, group, role) for role, group in texts.items() if group}
    return Prefixes(
        {role: ids for role, (ids, _) in chosen.items()},
        {role: index(group) for role, (_, group) in chosen.items()},
    )


def _fitting(target: Engine, texts: Sequence[str], role: Role) -> tuple[tuple[int, ...], list[str]]:
    best: tuple[tuple[int, ...], list[str]] | None = None
    for count in range(1, len(texts) + 1):
        (tokens,) = target.tokenize([" ".join(texts[:count])])
        if not isinstance(tokens, Tokens) or len(tokens.ids) > target.context // 2:
            break
        best = tuple(tokens.ids.tolist()), list(texts[:count])
    if best is None:
        raise InputError(
            f"The first text of the prefix of {role} takes more than half of the context of {target.context} "
            "tokens, or has none: begin with a shorter one.", "prefix",
        )  # fmt: skip
    return best
