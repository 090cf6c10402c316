"""What was found in a document, in plain words, the most telling first."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from probe.audit.metrics import Figure
from probe.memorization.examine import Examined
from probe.show import at_least
from probe.types import Call, Result

VERBATIM = 0.1  # p_z from which a suffix is held word for word: 44 samples give it with 99%
CONTROL = 1e-6  # p_z that the reference must stay below there
_LONG = 20  # tokens
_PUBLISHED = 50  # tokens of a suffix, from which verbatim extraction is published as evidence of its own
_SMALL = 12  # tokens of a prefix and a suffix that short passages are found by
_WORDS = {"out_of_distribution": "not comparable (out of distribution)"}
_FIGURES = re.compile(r"[\d.,]*\d")


def sentences(found: Examined) -> list[str]:
    """Returns what was found, the most telling first."""
    scan = found.scan
    said = [_held(found), *_run(found), *_ahead(found), *_judged(found), *_undecided(found)]
    if scan.capped:
        said.append(
            f"{scan.capped:,} more windows near a level were not scored exactly, for the likeliest "
            f"{found.options.most:,} were asked for: shares are lower bounds."
        )
    if scan.shape != found.options.shape:
        asked = found.options.shape
        said.append(
            f"The text has {scan.size:,} tokens, too few for a prefix of {asked.prefix:,} and a suffix of "
            f"{asked.suffix:,}: it is one window, {scan.shape.prefix} + {scan.shape.suffix}."
        )
    return said


def _held(found: Examined) -> str:
    scan, held = found.scan, int(_verbatim(found).sum())
    if scan.reference is None:
        return "Without a reference of the same tokenizer there is no control: easy text is likely under any model."
    if held:
        drawn = f", drawn at {found.options.sampler}" if found.options.sampler else ""
        return (
            f"{held:,} windows of {scan.shape.prefix} + {scan.shape.suffix} tokens are held word for word: p_z of "
            f"{VERBATIM:g} or more under the target{drawn}, less than {CONTROL:g} under the reference"
            f"{', by its own distribution too' if drawn else ''}. {worth(scan.shape.suffix)}"
        )
    said = (
        f"No window of {scan.shape.prefix} + {scan.shape.suffix} tokens is held word for word beyond what the "
        f"reference explains: p_z of {VERBATIM:g} or more under the target, less than {CONTROL:g} under the reference. "
    ) + _weaker(found)
    if min(scan.shape.prefix, scan.shape.suffix) > _SMALL and (_run(found) or "member" in _calls(found)):
        return (
            f"{said}What follows speaks of shorter passages: a prefix and a suffix of {_SMALL} tokens would show "
            "whether these are."
        )
    return f"{said}Passages shorter than that are found by a smaller prefix and suffix."


def _weaker(found: Examined) -> str:
    """Says which windows the target continues that the control does not rule out."""
    target, reference = found.scan.target.log_p, found.scan.reference
    likely = (target >= math.log(VERBATIM)) & ~_verbatim(found)
    if reference is None or not likely.any():
        return ""
    ratio = math.exp(min(float((target[likely] - reference.log_p[likely]).max()), -math.log(CONTROL)))
    return (
        f"As likely under the target, but {CONTROL:g} or more under the reference, are {int(likely.sum()):,}, at most "
        f"{ratio:,.0f} times likelier than there: that is weaker, for a model that read none of it may write them. "
    )


def worth(suffix: int) -> str:
    """Says what a suffix of so many tokens shows that is held word for word."""
    if suffix >= _PUBLISHED:
        return "A model that never read these words, or a copy of them, would not continue them so."
    return (
        f"A suffix of {suffix} tokens is short: a target that read other texts of this kind, forms and phrases of "
        f"which the reference does not know, may continue it so without having read this one. From {_PUBLISHED} tokens "
        "on it shows these words, or a copy of them."
    )


def _verbatim(found: Examined) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Where a sampler never draws a word, it leaves the reference nothing: its own distribution counts too."""
    target, reference = found.scan.target.log_p, found.scan.reference
    if reference is None:
        return np.zeros(len(target), bool)
    highest = np.maximum(reference.log_p, reference.screen) if found.options.sampler else reference.log_p
    flags: np.ndarray[tuple[int], np.dtype[np.bool_]] = (target >= math.log(VERBATIM)) & (highest < math.log(CONTROL))
    return flags


def _run(found: Examined) -> list[str]:
    """Returns a sentence where the longest run is out of proportion to the reference's."""
    target, reference = found.scan.target, found.scan.reference
    if reference is None or target.run[1] <= max(_LONG, 2 * reference.run[1]):
        return []
    return [
        f"The target continues {target.run[1]:,} tokens in a row as they stand there, the reference "
        f"{reference.run[1]:,} at most."
    ]


def _ahead(found: Examined) -> list[str]:
    if found.scan.reference is None:
        return []
    gain = gain_of_all(found)
    if gain is None:
        return ["Too few passages are like the calibration's texts for a mean difference to the reference to be told."]
    how = "likelier" if gain.value >= 0 else "less likely"
    return [
        f"In the mean over passages a token is {abs(gain.value):.3f} nats {how} under the target than under the "
        f"reference (95%, by blocks of neighbouring passages: {gain.low:+.3f} to {gain.high:+.3f}). A target that "
        "learned the genre is ahead of the reference on texts that it never read, too."
    ]


def gain_of_all(found: Examined) -> Figure | None:
    """Returns the mean gain over passages that are like the calibration's texts, with a 95% interval of the mean.

    Neighbouring passages are not independent: the interval is that of means of blocks, about as many as there are
    passages in each. None without a reference, for fewer than two passages, or where most are unlike the calibration's.
    """
    known = np.array([_supported(one) for one in found.results])
    values = found.gains[known & ~np.isnan(found.gains)]
    if len(values) < 2 or 2 * known.sum() < len(known):
        return None
    from scipy.stats import t

    means = np.array([block.mean() for block in np.array_split(values, max(2, math.isqrt(len(values))))])
    mean, half = float(values.mean()), float(t.ppf(0.975, len(means) - 1) * means.std(ddof=1) / len(means) ** 0.5)
    return Figure(mean, mean - half, mean + half)


def _supported(result: Result) -> bool:
    """True where the passage is like texts that the calibration knows, or nothing tells that it is not."""
    return result.verdict is None or result.verdict.call is not Call.OUT_OF_DISTRIBUTION


def _judged(found: Examined) -> list[str]:
    """Returns how many passages have which answer, and how many would be called members by chance."""
    calls = [f"{count:,} {_WORDS.get(call, call)}" for call, count in _calls(found).most_common()]
    said = [f"Passages: {', '.join(calls)}."]
    claims = [one.verdict for one in found.results if one.verdict and one.verdict.claim and _supported(one)]
    if claims:
        said.append(
            f"Had the target read none of it, {_about(found.alpha * len(claims))} of the {len(claims):,} passages that "
            f"could be judged would be called member by chance, at the false-positive rate of {found.alpha:g} that was "
            "asked for."
        )
    return [*said, *_right([one.ppv for one in claims if one.call is Call.MEMBER and one.ppv])]


def _about(count: float) -> str:
    return f"{count:.2g}" if count < 10 else f"{count:,.0f}"


def _calls(found: Examined) -> Counter[str]:
    return Counter(str(one.verdict.call) if one.verdict else "error" for one in found.results)


def _right(ppv: Sequence[Mapping[float, float]]) -> list[str]:
    """Returns how often `member` is right, by how many of such passages are members."""
    if not ppv:
        return []
    least = {prior: min(one[prior] for one in ppv) for prior in ppv[0]}
    rates = "; ".join(f"{at_least(right)} of these answers where {prior:.0%} are" for prior, right in least.items())
    return [f"How often member is right depends on how many of such passages are members: at least {rates}."]


def _undecided(found: Examined) -> list[str]:
    """Returns the commonest reason why passages have no answer."""
    undecided = (Call.INCONCLUSIVE, Call.OUT_OF_DISTRIBUTION)
    reasons = [one.verdict.reason for one in found.results if one.verdict and one.verdict.call in undecided]
    kinds = Counter(_FIGURES.sub("#", reason) for reason in reasons)
    if not kinds:
        return []
    ((kind, count),) = kinds.most_common(1)
    whole = next(reason for reason in reasons if _FIGURES.sub("#", reason) == kind)
    with_figures = ", here with the figures of one of them" if count > 1 and "#" in kind else ""
    return [f"Of those without an answer {count:,} have this reason{with_figures}: {whole}"]
