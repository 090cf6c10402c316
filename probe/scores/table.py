"""The score table, in the order of the guide: the package's own scores, then those of installed plug-ins.

A plug-in is an entry point of the group `memprobe.scores` that names a Method. One that cannot be used is left out with
a warning that says why: it must not take the other scores with it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Container, Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import get_args

from probe.scores import (
    bavaria,
    camia,
    combined,
    conrecall,
    dcpdd,
    ez,
    feature_attack,
    gradnorm,
    lira,
    lira_sequence,
    loss,
    lowercase,
    mink,
    minkpp,
    minkpp_diff,
    neighbour,
    pac,
    quantile,
    recall,
    ref,
    rmia,
    samia,
    shokri,
    spv,
    surp,
    tokenwise,
    wbc,
    zlib,
)
from probe.scores.base import Method
from probe.scores.view import Need

GROUP = "memprobe.scores"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TAKEN = ("id", "label", "blind", "calibrated")  # columns that stand beside scores in an evaluation
BUILT_IN = (
    loss.SCORE, zlib.SCORE, zlib.RATE, lowercase.SCORE, mink.SCORE, minkpp.SCORE, surp.SCORE, dcpdd.SCORE, pac.SCORE,
    camia.SCORE, neighbour.SCORE, recall.SCORE, conrecall.SCORE, samia.SCORE, gradnorm.SCORE, ref.SCORE, ref.BYTES,
    wbc.SCORE, ez.SCORE, minkpp_diff.SCORE, spv.SCORE, tokenwise.SCORE,
    combined.SCORE, lira.SCORE, lira.OFFLINE, lira_sequence.SCORE, bavaria.SCORE, bavaria.OFFLINE, rmia.SCORE,
    quantile.SCORE, shokri.SCORE, feature_attack.SCORE,
)  # fmt: skip


def table(
    plugins: Iterable[EntryPoint] | None = None, sources: dict[str, EntryPoint] | None = None
) -> dict[str, Method]:
    """Returns the scores by id; plugins: those installed, where none are given. Notes in `sources` whose is which."""
    found = {method.id: method for method in BUILT_IN}
    for plugin in sorted(entry_points(group=GROUP) if plugins is None else plugins):
        try:
            method = _checked(plugin.load(), found)
        except Exception as error:  # whatever a stranger's module raises
            logging.getLogger(__name__).warning(
                "The score plug-in %s (%s) is left out: %s: %s. Mend or uninstall it.",
                plugin.name, plugin.value, type(error).__name__, error,
            )  # fmt: skip
        else:
            found[method.id] = method
            if sources is not None:
                sources[method.id] = plugin
    return found


@cache
def origins() -> dict[str, str]:
    """Returns "DISTRIBUTION VERSION" of each installed plug-in's score by id."""
    sources: dict[str, EntryPoint] = {}
    table(sources=sources)
    return {name: f"{at.dist.name} {at.dist.version}" if at.dist else at.value for name, at in sources.items()}


def _checked(method: object, taken: Container[str]) -> Method:
    """Raises TypeError, ValueError."""
    if not isinstance(method, Method):
        raise TypeError(f"it names a {type(method).__name__}, not a probe.scores.base.Method")
    if unknown := set(method.needs) - set(get_args(Need)):
        raise ValueError(f"it needs {', '.join(sorted(map(str, unknown)))}; known are {', '.join(get_args(Need))}")
    if method.id in taken or method.id in _TAKEN:
        raise ValueError(f"there is a score named {method.id} already")
    if not _NAME.fullmatch(method.id):
        raise ValueError(f"{method.id!r} is no name of lower-case letters, digits and _")
    return method
