"""A document's examination in plain words: what was found, and what it does and does not prove."""

from __future__ import annotations

import math
import re
import shlex
from collections import Counter

import numpy as np

from probe.audit.metrics import Figure
from probe.memorization.examine import Examined
from probe.memorization.extraction import CHANCES, LEVELS, samples
from probe.memorization.scan import Reading
from probe.types import Call

VERBATIM = 0.1  # p_z from which a suffix is held word for word: 44 samples give it with 99%
_LONG = 20  # tokens
_FIGURES = re.compile(r"[\d.,]*\d")
CONTROL = 1e-6  # p_z that the reference must stay below there


def figures(found: Examined) -> dict[str, tuple[str, str]]:
    """Returns what is said of target and reference, by its name; "" where there is no reference."""
    readings = (found.scan.target, found.scan.reference)
    rows = {
        f"share of the text with p_z of {level:g} or more": [_share(found, one, level) for one in readings]
        for level in LEVELS
    }
    rows["near-verbatim recall: share of the text in stretches that are guessed right nine times in ten"] = [
        f"{found.scan.recalled(one):.2%}" if one else "" for one in readings
    ]
    rows["windows that greedy decoding extracts"] = [f"{int(one.greedy.sum()):,}" if one else "" for one in readings]
    rows[f"highest p_z of {int(found.scan.scored.sum()):,} windows that were scored exactly"] = [
        _power(float(one.log_p.max())) if one else "" for one in readings
    ]
    rows["samples to extract that one, with 50% and 99%"] = [
        _samples(float(one.log_p.max())) if one else "" for one in readings
    ]
    rows["longest run continued word for word, tokens"] = [f"{one.run[1]:,}" if one else "" for one in readings]
    return {name: (row[0], row[1]) for name, row in rows.items()}


def sentences(found: Examined) -> list[str]:
    """Returns what was found, the most telling first."""
    scan, said = found.scan, []
    held = int(_verbatim(found).sum())
    if scan.reference is None:
        said.append(
            "Without a reference of the same tokenizer there is no control: easy text is likely under any model."
        )
    elif held:
        said.append(
            f"{held:,} windows of {scan.shape.prefix} + {scan.shape.suffix} tokens are held word for word: p_z of "
            f"{VERBATIM:g} or more under the target, less than {CONTROL:g} under the reference. A model that never "
            "read these words, or a copy of them, would not continue them so."
        )
    else:
        said.append(
            f"No window of {scan.shape.prefix} + {scan.shape.suffix} tokens is held word for word beyond what the "
            "reference explains. Passages shorter than that are found by a smaller --prefix and --suffix."
        )
    if scan.reference and scan.target.run[1] > max(_LONG, 2 * scan.reference.run[1]):
        said.append(
            f"Yet the target continues {scan.target.run[1]:,} tokens in a row as they stand there, the reference "
            f"{scan.reference.run[1]:,} at most."
        )
    if gain := gain_of_all(found):
        how = "likelier" if gain.value >= 0 else "less likely"
        said.append(
            f"In the mean over passages a token is {abs(gain.value):.3f} nats {how} under the target than under the "
            f"reference (95%: {gain.low:+.3f} to {gain.high:+.3f}). A target that learned the genre is ahead of the "
            "reference on texts that it never read, too."
        )
    calls = Counter(str(one.verdict.call) if one.verdict else "error" for one in found.results)
    said.append(f"Passages: {', '.join(f'{count:,} {call}' for call, count in calls.most_common())}.")
    said += _undecided(found)
    if scan.capped:
        said.append(
            f"{scan.capped:,} more windows near a level were not scored exactly (--most): shares are lower bounds."
        )
    return said


def _undecided(found: Examined) -> list[str]:
    """Returns the commonest reason why passages have no answer."""
    undecided = (Call.INCONCLUSIVE, Call.OUT_OF_DISTRIBUTION)
    reasons = [one.verdict.reason for one in found.results if one.verdict and one.verdict.call in undecided]
    kinds = Counter(_FIGURES.sub("#", reason) for reason in reasons)
    if not kinds:
        return []
    ((kind, count),) = kinds.most_common(1)
    whole = next(reason for reason in reasons if _FIGURES.sub("#", reason) == kind)
    return [f"Of those without an answer {count:,} have this reason: {whole}"]


def cautions(found: Examined) -> list[str]:
    """Returns what the figures do not prove."""
    said = [
        "That a passage is held does not tell from where it was read: quotations, other editions and copies count.",
        "That nothing is held does not tell that the document was not read: most of what is read once leaves no trace.",
    ]
    if found.probe.calibration is None:
        said.append("Without a calibration no passage has a verdict: memprobe calibrate with known non-members.")
    else:
        said.append(
            "Passages of one document are not independent: for the document as a whole hold it against control "
            "documents (memprobe collection)."
        )
    return said


def objections() -> list[str]:
    """Returns what the field itself says against such evidence."""
    return [
        "Scores of likelihood alone cannot prove that a text was in the training data, for nobody can sample what a "
        "model trained without it would say (Zhang et al. 2024, arXiv:2409.19798). What they leave standing is "
        "verbatim extraction, and canaries that were planted by chance beforehand.",
        "On the pre-training data of large models such scores barely beat chance where the sets are alike (Duan et al. "
        "2024, arXiv:2402.07841); what seemed more was often a difference in kind or date (Meeus et al. 2024, "
        "arXiv:2406.17975).",
    ]


def repeat(found: Examined) -> str:
    """Returns the command that does it again, but for where the models are: their hashes tell which are meant."""
    shape, options = found.scan.shape, found.options
    said = [
        "memprobe document", shlex.quote(found.document.name), "--target TARGET",
        *(["--reference REFERENCE"] if found.probe.reference else []),
        f"--prefix {shape.prefix} --suffix {shape.suffix} --stride {shape.stride} --most {options.most}",
    ]  # fmt: skip
    if found.probe.calibration:
        said.append(f"--calibration {shlex.quote(found.probe.calibration.name)}")
    if options.temperature is not None:
        said.append(f"--temperature {options.temperature:g}")
    if options.top_k is not None:
        said.append(f"--top-k {options.top_k}")
    return " ".join(said)


def gain_of_all(found: Examined) -> Figure | None:
    """Returns the mean gain over passages with a 95% interval of the mean; None without a reference."""
    values = found.gains[~np.isnan(found.gains)]
    if len(values) < 2:
        return None
    from scipy.stats import t

    mean, half = float(values.mean()), float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)
    return Figure(mean, mean - half, mean + half)


def _verbatim(found: Examined) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    target, reference = found.scan.target.log_p, found.scan.reference
    control = reference.log_p < math.log(CONTROL) if reference else np.zeros(len(target), bool)
    flags: np.ndarray[tuple[int], np.dtype[np.bool_]] = (target >= math.log(VERBATIM)) & control
    return flags


def _share(found: Examined, reading: Reading | None, level: float) -> str:
    return f"{found.scan.share(reading, level):.2%}" if reading else ""


def _power(log_p: float) -> str:
    """Returns a probability whose logarithm may be out of a float's reach."""
    if log_p == -math.inf:
        return "0"
    return f"{math.exp(log_p):.3g}" if log_p > -600 else f"10^{log_p / math.log(10):.0f}"


def _samples(log_p: float) -> str:
    return ", ".join(_count(samples(log_p, chance)) for chance in CHANCES)


def _count(number: float) -> str:
    return "no number" if number == math.inf else f"{number:,.0f}" if number < 1e9 else f"{number:.1e}"
