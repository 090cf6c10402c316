"""What a trained fleet knows: pooled spreads, its population's usual likelihood, attacks; measured once, and kept.

OUT/study.npz   arrays and a header, no pickles
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from probe.calibration.packing import pack_combination, pack_tokens, unpack_combination, unpack_tokens
from probe.errors import ModelError
from probe.models.base import Engine
from probe.scores import feature_attack, shokri
from probe.scores.shadowed import Attacks, Flags, Pooled, Side, Vector, log_mean
from probe.shadow.attacks import learn_attacks
from probe.shadow.folder import STUDY
from probe.shadow.pool import pool
from probe.types import Text, Tokens, TokenStats

_POOLED = 3000  # texts whose spread is looked at
_SIDES = ("ins", "outs")
_TOKENS = ("edges", "token_sd", "shift", "pull")


@dataclass(frozen=True, eq=False)
class Study:
    """usual: of each text of the population that can be scored, log-mean of exp(phi) over the shadows, [population],
    NaN for others.
    """

    pooled: Pooled
    usual: Vector
    attacks: Attacks | None


def study(
    engines: Sequence[Engine], reference: Engine | None, texts: Sequence[Text], inside: Flags,
    population: Sequence[Text], seed: int = 0, say: Callable[[str], None] = lambda what: None, attacks: bool = True,
) -> Study:  # fmt: skip
    """inside: [engines, texts]. attacks: whether classifiers are learned, which takes longest. Raises ModelError."""
    entries = engines[0].tokenize([text.text for text in texts])
    readable = [place for place, entry in enumerate(entries) if isinstance(entry, Tokens)]
    chosen = np.sort(np.random.default_rng(seed).permutation(readable)[:_POOLED])
    tokens = [entry for place in chosen if isinstance(entry := entries[place], Tokens)]
    by_model: list[list[Any]] = []
    for number, engine in enumerate(engines):
        say(f"measuring the texts under shadow {number + 1} of {len(engines)}")
        by_model.append(engine.score(tokens))
    good = [row for row in range(len(tokens)) if all(isinstance(stats[row], TokenStats) for stats in by_model)]
    values = [np.array([stats[row].logprob for stats in by_model], dtype=np.float64) for row in good]
    if not values:
        raise ModelError("None of the shadows' texts can be scored.")
    seen = inside[:, chosen[good]]
    pairs = [(texts[place].text, entry) for place, entry in zip(chosen, tokens, strict=True)]
    return Study(
        pool(np.array([value.mean(1) for value in values]).T, seen, values), _usual(engines, population, say),
        learn_attacks(engines, reference, pairs, inside[:, chosen], seed, say) if attacks else None,
    )  # fmt: skip


def _usual(engines: Sequence[Engine], population: Sequence[Text], say: Callable[[str], None]) -> Vector:
    if not population:
        return np.zeros(0)
    say("measuring the population")
    rows = np.array([phis(engine, population) for engine in engines])
    return np.array([log_mean(column) if not np.isnan(column).any() else np.nan for column in rows.T])


def phis(engine: Engine, texts: Sequence[Text]) -> Vector:
    """Returns the mean log-likelihood of each text, nats per token, NaN where it cannot be scored."""
    entries = engine.tokenize([text.text for text in texts])
    found = iter(engine.score([entry for entry in entries if isinstance(entry, Tokens)]))
    stats = [next(found) if isinstance(entry, Tokens) else entry for entry in entries]
    return np.array([-one.loss if isinstance(one, TokenStats) else np.nan for one in stats])


def write_study(folder: Path, found: Study) -> None:
    pooled = found.pooled
    header: dict[str, Any] = {name: asdict(getattr(pooled, name)) for name in _SIDES}
    header["correlation"] = pooled.correlation
    arrays: dict[str, Any] = {name: getattr(pooled, name) for name in _TOKENS} | {"usual": found.usual}
    if attacks := found.attacks:
        header["shokri"], alone = pack_combination(attacks.shokri, "shokri_")
        header["features"], whole = pack_combination(attacks.features, "features_")
        arrays |= alone | whole
        if attacks.tokens:
            header["tokens"], more = pack_tokens(attacks.tokens)
            arrays |= more
    part = folder / f"part-{STUDY}"
    np.savez_compressed(part, header=np.array(json.dumps(header)), **arrays)
    part.replace(folder / STUDY)


def read_study(folder: Path) -> Study:
    """Raises ModelError."""
    try:
        with np.load(folder / STUDY, allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
        header = json.loads(str(arrays["header"]))
        ins, outs = (Side(**{name: float(value) for name, value in header[name].items()}) for name in _SIDES)
        edges, token_sd, shift, pull = (arrays[name] for name in _TOKENS)
        if any(len(one) != len(edges) + 1 or not np.isfinite(one).all() for one in (token_sd, shift, pull)):
            raise ValueError("its spreads of tokens do not fit together")
        pooled = Pooled(ins, outs, edges, token_sd, shift, pull, float(header["correlation"]))
        return Study(pooled, arrays["usual"], _attacks(header, arrays))
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise ModelError(f"{folder / STUDY} cannot be read ({error}): train the fleet again, models stay.") from error


def _attacks(header: dict[str, Any], arrays: dict[str, Any]) -> Attacks | None:
    if "features" not in header:
        return None
    alone = unpack_combination(header["shokri"], arrays, shokri.NAMES, "shokri_")
    whole = unpack_combination(header["features"], arrays, feature_attack.NAMES, "features_")
    return Attacks(alone, whole, unpack_tokens(header["tokens"], arrays) if "tokens" in header else None)
