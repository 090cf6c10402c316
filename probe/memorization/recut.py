"""What may be said of passages that are cut anew: never that one is no member.

Known members are texts as they were trained on. A passage that begins and ends elsewhere has other words before it,
and a member cut so is surer to look unlike them: of passages of documents that consist of training texts alone 16%
would be called `not_member`, where 5% are allowed, and 42% of those that join or part such texts (1,214 passages,
embedded pair).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from probe.types import Call, Result

_WHY = " A passage that was cut anew may be part of what was trained on all the same, so it is not called not_member."


def as_recut(results: Sequence[Result]) -> list[Result]:
    """Returns the results with `inconclusive` for `not_member`; p-values stay."""
    return [_recut(result) for result in results]


def _recut(result: Result) -> Result:
    verdict = result.verdict
    if verdict is None or verdict.call is not Call.NOT_MEMBER:
        return result
    reason = verdict.reason.replace(" (this speaks of this very wording)", "") + _WHY
    return replace(result, verdict=replace(verdict, call=Call.INCONCLUSIVE, reason=reason))
