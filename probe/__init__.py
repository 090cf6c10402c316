"""memprobe: was this text in that language model's training data, how sure is that, and what in the text shows it?

>>> from probe import open_probe
>>> result, = open_probe()("A sentence that may or may not have been seen in training, long enough to judge.")
>>> result.verdict.call
<Call.INCONCLUSIVE: 'inconclusive'>
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from probe import errors
from probe.types import Call, Result, Score, Text, TokenStats, Unscored, Verdict

if TYPE_CHECKING:
    from probe.audit.evaluate import Evaluation, evaluate
    from probe.audit.labelled import read_labelled
    from probe.calibration.build import calibrate
    from probe.calibration.known import Known
    from probe.opening import open_probe
    from probe.pipeline import Probe

__all__ = [
    "Call", "Evaluation", "Known", "Probe", "Result", "Score", "Text", "TokenStats", "Unscored", "Verdict", "calibrate",
    "errors", "evaluate", "open_probe", "read_labelled",
]  # fmt: skip
_LAZY = {  # these load torch or scipy, which `import probe` does not
    "open_probe": "probe.opening",
    "Probe": "probe.pipeline",
    "calibrate": "probe.calibration.build",
    "Known": "probe.calibration.known",
    "Evaluation": "probe.audit.evaluate",
    "evaluate": "probe.audit.evaluate",
    "read_labelled": "probe.audit.labelled",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'probe' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)
