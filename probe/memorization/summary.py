"""A document's examination in figures, and what these do and do not prove; what was found is told in findings.py."""

from __future__ import annotations

import math
import shlex

from probe.memorization.examine import Examined
from probe.memorization.extraction import CHANCES, LEVELS, counted, samples
from probe.memorization.scan import Reading


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


def repeat(found: Examined) -> str:
    """Returns the command that does it again, but for where the models are: their hashes tell which are meant."""
    shape, options = found.options.shape, found.options
    said = [
        "memprobe document", shlex.quote(found.document.name), "--target TARGET",
        *(["--reference REFERENCE"] if found.probe.reference else []),
        f"--prefix {shape.prefix} --suffix {shape.suffix} --stride {shape.stride} --most {options.most}",
        f"--alpha {found.alpha:g}",
    ]  # fmt: skip
    if found.probe.calibration:
        said.append(f"--calibration {shlex.quote(found.probe.calibration.name)}")
    if options.sampler.temperature is not None:
        said.append(f"--temperature {options.sampler.temperature:g}")
    if options.sampler.top_k is not None:
        said.append(f"--top-k {options.sampler.top_k}")
    if found.generate:
        said.append(f"--generate {found.generate}{f' --samples {found.samples}' if found.samples else ''}")
    return " ".join(said)


def _share(found: Examined, reading: Reading | None, level: float) -> str:
    return f"{found.scan.share(reading, level):.2%}" if reading else ""


def _power(log_p: float) -> str:
    """Returns a probability whose logarithm may be out of a float's reach."""
    if log_p == -math.inf:
        return "0"
    return f"{math.exp(log_p):.3g}" if log_p > -600 else f"10^{log_p / math.log(10):.0f}"


def _samples(log_p: float) -> str:
    return ", ".join(counted(samples(log_p, chance)) for chance in CHANCES)
