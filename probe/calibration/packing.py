"""What scores take from known texts (scores/fitted.py) and bags of words, as arrays and a header, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from probe.calibration.blind import BUCKETS, Bags
from probe.calibration.strata import Stratum
from probe.scores.combination import Combination
from probe.scores.features import NAMES
from probe.scores.fitted import Fitted
from probe.scores.token_model import TokenModel, Usual
from probe.scores.tokenwise import NAMES as TOKEN_NAMES
from probe.scores.trees import Trees

_LINEAR = ("fill", "center", "scale", "weights")
_USUAL = ("single", "keys", "pair")
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
        header["combination"], more = pack_combination(found)
        arrays |= more
    if tokens := fitted.tokens:
        header["tokens"], more = pack_tokens(tokens)
        arrays |= more
    return header, arrays


def pack_combination(found: Combination, prefix: str = "") -> tuple[dict[str, Any], Arrays]:
    header = {"names": list(found.names), "kind": found.kind, "bias": found.bias, **_shape(found.trees)}
    linear = np.stack([getattr(found, name) for name in _LINEAR])
    return header, {f"{prefix}linear": linear, **_nodes(found.trees, f"{prefix}tree")}


def pack_tokens(tokens: TokenModel) -> tuple[dict[str, Any], Arrays]:
    usual = {f"usual_{name}": getattr(tokens.usual, name) for name in _USUAL}
    return {"names": list(TOKEN_NAMES), **_shape(tokens.trees)}, usual | _nodes(tokens.trees, "token_tree")


def _shape(trees: Trees) -> dict[str, Any]:
    return {"start": trees.start, "depth": trees.depth}


def _nodes(trees: Trees, prefix: str) -> Arrays:
    return {f"{prefix}_{name}": getattr(trees, name) for name in ("roots", *_NODES)}


def unpack(header: Mapping[str, Any], arrays: Mapping[str, Any]) -> tuple[Fitted, Bags, tuple[Stratum, ...]]:
    """Raises KeyError, ValueError, TypeError for what `pack` did not make."""
    bags = Bags(arrays["bag_words"], arrays["bag_ends"])
    begins = np.concatenate([[0], bags.ends])
    if bags.words.dtype != np.uint16 or begins[-1] != len(bags.words) or (np.diff(begins) < 0).any():
        raise ValueError("its bags of words do not fit together")
    curves = arrays.get("curves")
    combination = unpack_combination(header["combination"], arrays) if "combination" in header else None
    tokens = unpack_tokens(header["tokens"], arrays) if "tokens" in header else None
    if curves is not None and not np.isfinite(curves).all():
        raise ValueError("its loss curves are not finite")
    strata = [_stratum(one, number, arrays) for number, one in enumerate(header["strata"])]
    return Fitted(float(header["smoothing"]), curves, tokens, combination), bags, tuple(strata)


def _stratum(header: Mapping[str, Any], number: int, arrays: Mapping[str, Any]) -> Stratum:
    scores, weight = (arrays[f"stratum_{number}_{name}"] for name in ("scores", "weight"))
    if {scores.dtype, weight.dtype} - {np.dtype(np.float32), np.dtype(np.float64)}:
        raise ValueError("a kind of its non-members is of another type")
    scores, weight = scores.astype(np.float64), weight.astype(np.float64)
    if weight.shape != (BUCKETS,) or not (np.isfinite(weight).all() and np.isfinite(scores).all()):
        raise ValueError("a kind of its non-members is broken")
    if not len(scores) or (np.diff(scores) < 0).any():
        raise ValueError("the scores of a kind of its non-members are not ascending")
    return Stratum(str(header["name"]), scores, weight, float(header["least"]))


def unpack_combination(
    header: Mapping[str, Any], arrays: Mapping[str, Any], names: tuple[str, ...] = NAMES, prefix: str = ""
) -> Combination:  # fmt: skip
    """names: of the features that it must be over. Raises KeyError, ValueError, TypeError."""
    linear = arrays[f"{prefix}linear"]
    if tuple(header["names"]) != names:
        raise ValueError("its combination was learned over other features; calibrate again")
    if linear.shape != (len(_LINEAR), len(names)) or not np.isfinite(linear).all():
        raise ValueError("its weights are broken")
    fill, center, scale, weights = linear
    trees = _trees(header, arrays, f"{prefix}tree", len(names))
    return Combination(names, header["kind"], fill, center, scale, weights, float(header["bias"]), trees)


def unpack_tokens(header: Mapping[str, Any], arrays: Mapping[str, Any]) -> TokenModel:
    if tuple(header["names"]) != TOKEN_NAMES:
        raise ValueError("what it learned of tokens is over other features; calibrate again")
    usual = Usual(**{name: arrays[f"usual_{name}"] for name in _USUAL})
    if not (len(usual.single) and np.isfinite(usual.single).all() and np.isfinite(usual.pair).all()):
        raise ValueError("its usual gains are broken")
    if usual.keys.dtype != np.int64 or usual.keys.shape != usual.pair.shape or (np.diff(usual.keys) <= 0).any():
        raise ValueError("its pairs of tokens do not fit together")
    return TokenModel(usual, _trees(header, arrays, "token_tree", len(TOKEN_NAMES)))


def _trees(header: Mapping[str, Any], arrays: Mapping[str, Any], prefix: str, features: int) -> Trees:
    """Raises ValueError for trees that lead outside themselves."""
    nodes = {name: arrays[f"{prefix}_{name}"] for name in ("roots", *_NODES)}
    trees = Trees(**nodes, start=float(header["start"]), depth=int(header["depth"]))
    size = len(trees.value)
    inside = all(((part >= 0) & (part < size)).all() for part in (trees.roots, trees.left, trees.right))
    if not inside or len({len(getattr(trees, name)) for name in _NODES}) != 1:
        raise ValueError("its trees do not fit together")
    if not ((trees.feature >= 0) & (trees.feature < features)).all():
        raise ValueError("its trees ask for features that there are not")
    if not (np.isfinite(trees.threshold).all() and np.isfinite(trees.value).all()):
        raise ValueError("its trees hold figures that are not finite")
    return trees
