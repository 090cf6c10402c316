"""What scores take from known texts (scores/fitted.py) and bags of words, as arrays and a header, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from probe.calibration.blind import BUCKETS, Bags
from probe.calibration.strata import Stratum
from probe.scores.combination import Combination, Trees
from probe.scores.features import NAMES
from probe.scores.fitted import Fitted

_LINEAR = ("fill", "center", "scale", "weights")
_NODES = ("left", "right", "feature", "threshold", "value")
Arrays = dict[str, Any]


def pack(fitted: Fitted, bags: Bags, strata: Sequence[Stratum]) -> tuple[dict[str, Any], Arrays]:
    """Returns a header of plain values, and arrays by name."""
    header: dict[str, Any] = {"smoothing": fitted.smoothing}
    arrays: Arrays = {"bag_words": bags.words, "bag_ends": bags.ends}
    header["strata"] = [{"name": one.name, "least": one.least} for one in strata]
    for number, one in enumerate(strata):
        arrays |= {f"stratum_{number}_scores": one.scores, f"stratum_{number}_weight": one.weight.astype(np.float32)}
    if fitted.curves is not None:
        arrays["curves"] = fitted.curves
    if found := fitted.combination:
        header["combination"] = {
            "names": list(found.names), "kind": found.kind, "bias": found.bias, "start": found.trees.start,
            "depth": found.trees.depth,
        }  # fmt: skip
        arrays["linear"] = np.stack([getattr(found, name) for name in _LINEAR])
        arrays["roots"] = found.trees.roots
        arrays |= {f"tree_{name}": getattr(found.trees, name) for name in _NODES}
    return header, arrays


def unpack(header: Mapping[str, Any], arrays: Mapping[str, Any]) -> tuple[Fitted, Bags, tuple[Stratum, ...]]:
    """Raises KeyError, ValueError, TypeError for what `pack` did not make."""
    bags = Bags(arrays["bag_words"], arrays["bag_ends"])
    begins = np.concatenate([[0], bags.ends])
    if bags.words.dtype != np.uint16 or begins[-1] != len(bags.words) or (np.diff(begins) < 0).any():
        raise ValueError("its bags of words do not fit together")
    curves = arrays.get("curves")
    combination = _combination(header["combination"], arrays) if "combination" in header else None
    if curves is not None and not np.isfinite(curves).all():
        raise ValueError("its loss curves are not finite")
    strata = [_stratum(one, number, arrays) for number, one in enumerate(header["strata"])]
    return Fitted(float(header["smoothing"]), curves, combination), bags, tuple(strata)


def _stratum(header: Mapping[str, Any], number: int, arrays: Mapping[str, Any]) -> Stratum:
    scores, weight = (arrays[f"stratum_{number}_{name}"].astype(np.float64) for name in ("scores", "weight"))
    if weight.shape != (BUCKETS,) or not (np.isfinite(weight).all() and np.isfinite(scores).all()):
        raise ValueError("a kind of its non-members is broken")
    if not len(scores) or (np.diff(scores) < 0).any():
        raise ValueError("the scores of a kind of its non-members are not ascending")
    return Stratum(str(header["name"]), scores, weight, float(header["least"]))


def _combination(header: Mapping[str, Any], arrays: Mapping[str, Any]) -> Combination:
    if tuple(header["names"]) != NAMES:
        raise ValueError("its combination was learned over other features; calibrate again")
    if not np.isfinite(arrays["linear"]).all():
        raise ValueError("its weights are not finite")
    fill, center, scale, weights = arrays["linear"]
    nodes = {name: arrays[f"tree_{name}"] for name in _NODES}
    trees = Trees(arrays["roots"], **nodes, start=float(header["start"]), depth=int(header["depth"]))
    _check(trees, len(fill))
    return Combination(NAMES, header["kind"], fill, center, scale, weights, float(header["bias"]), trees)


def _check(trees: Trees, features: int) -> None:
    """Raises ValueError for trees that lead outside themselves."""
    size = len(trees.value)
    inside = all(((part >= 0) & (part < size)).all() for part in (trees.roots, trees.left, trees.right))
    if not inside or len({len(getattr(trees, name)) for name in _NODES}) != 1:
        raise ValueError("its trees do not fit together")
    if not ((trees.feature >= 0) & (trees.feature < features)).all() or features != len(NAMES):
        raise ValueError("its trees ask for features that there are not")
    if not (np.isfinite(trees.threshold).all() and np.isfinite(trees.value).all()):
        raise ValueError("its trees hold figures that are not finite")
