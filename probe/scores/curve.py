"""Features of a text's loss curve, the losses of its tokens in their order (Chang et al. 2024, 2409.13745).

Each is turned so that it is higher for a likelier member: a member's loss is low, falls as the context grows, lies
often under its mean and under the mean of what went before, and is regular (low entropy, few distinct patterns);
reading the text a second time helps a model little that knows it.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
NAMES = ("level", "fall", "below_mean", "below_past", "regularity", "simplicity", "no_gain")
_EDGES = (0.1, 0.7, 2.0, 4.0)  # nats: the letters in which a curve's patterns are counted
_RUN, _TOLERANCE = 2, 0.8  # of the approximate entropy: tokens, and nats within which two losses are alike
_LONGEST = 512  # tokens that the approximate entropy looks at, for it compares all pairs


def features(logprob: Vector, again: Vector) -> Vector:
    """Returns the features in the order of NAMES.

    logprob: nats [tokens]. again: nats [any], of the same tokens where the text stands a second time behind itself.
    """
    loss = -logprob
    return np.array([
        -loss.mean(), -slope(loss), below_mean(loss), below_past(loss), -irregularity(loss[:_LONGEST]),
        -patterns(loss), again_lost(loss, again),
    ])  # fmt: skip


def slope(loss: Vector) -> float:
    """Returns the least-squares slope over the share of the text that is read, nats."""
    if len(loss) < 2:
        return 0.0
    place = np.linspace(-0.5, 0.5, len(loss))
    return float(place @ loss / (place @ place))


def below_mean(loss: Vector) -> float:
    """Returns the share of tokens of less loss than the mean."""
    return float((loss < loss.mean()).mean())


def below_past(loss: Vector) -> float:
    """Returns the share of tokens, from the second on, of less loss than the mean of those before."""
    if len(loss) < 2:
        return 0.0
    past = np.cumsum(loss)[:-1] / np.arange(1, len(loss))
    return float((loss[1:] < past).mean())


def irregularity(loss: Vector) -> float:
    """Returns the approximate entropy: how badly runs of losses foretell the next (Pincus 1991)."""
    return _alike(loss, _RUN) - _alike(loss, _RUN + 1) if len(loss) > _RUN else 0.0


def _alike(loss: Vector, run: int) -> float:
    """Mean log share of runs of this length that stay within the tolerance of a run, itself among them."""
    count = len(loss) - run + 1
    near = np.ones((count, count), dtype=bool)
    for step in range(run):
        part = loss[step : step + count]
        near &= np.abs(part[:, None] - part) <= _TOLERANCE
    return float(np.log(near.mean(1)).mean())


def patterns(loss: Vector) -> float:
    """Returns the number of phrases of Lempel and Ziv (1978) for each that a random curve of this length would have."""
    letters = np.searchsorted(_EDGES, loss).tolist()
    known: set[tuple[int, ...]] = set()
    phrase: tuple[int, ...] = ()
    for letter in letters:
        phrase = (*phrase, letter)
        if phrase not in known:
            known.add(phrase)
            phrase = ()
    return (len(known) + bool(phrase)) * math.log(len(letters) + 1) / len(letters)


def again_lost(loss: Vector, again: Vector) -> float:
    """Returns the loss behind the text itself minus its loss alone, nats per token."""
    return float(-again.mean() - loss.mean()) if len(again) else np.nan
