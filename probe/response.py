"""Results as plain JSON values: the one shape that the service answers and the command line writes."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from probe.types import Result, TokenStats


def result_dict(result: Result, return_tokens: bool = False) -> dict[str, Any]:
    """Returns one entry of `results`; see the guide for its fields."""
    verdict, score, target, reference = result.verdict, result.score, result.target, result.reference
    return {
        "index": result.index,
        "id": result.id,
        "verdict": verdict and str(verdict.call),
        "reason": verdict and verdict.reason,
        "p_value": verdict and verdict.p_value,
        "p_member": verdict and verdict.p_member,
        "q_value": result.q_value,
        "claim": asdict(verdict.claim) if verdict and verdict.claim else None,
        "score": asdict(score) if score else None,
        "scores": {name: _score(value.value, value.reason) for name, value in result.scores.items()},
        "perplexity": _finite(target.perplexity) if target else None,
        "reference_perplexity": _finite(reference.perplexity) if reference else None,
        "perplexity_ratio": _finite(math.exp(target.loss - reference.loss)) if target and reference else None,
        "gates": verdict.gates if verdict else {},
        "evidence": verdict and verdict.evidence,
        "ppv": [{"prior": prior, "least": least} for prior, least in verdict.ppv.items()] if verdict else [],
        "tokens": _tokens(target, reference, "ref" in result.scores and result.scores["ref"].value is not None)
        if target and return_tokens
        else None,
        "windows": target.windows if target else 0,
        "warnings": list(result.warnings),
        "error": result.error,
        "corpus": asdict(result.corpus) if result.corpus else None,
    }


def _score(value: float | None, reason: str | None) -> dict[str, Any]:
    return {"value": value} if value is not None else {"value": None, "reason": reason}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _tokens(target: TokenStats, reference: TokenStats | None, alike: bool) -> list[dict[str, Any]]:
    other = reference.logprob if reference is not None and alike else None
    return [
        {
            "start": int(target.tokens.start[i]),
            "end": int(target.tokens.end[i]),
            "logprob": float(target.logprob[i]),
            "rank": int(target.rank[i]),
            "reference_logprob": float(other[i]) if other is not None else None,
            "reference_difference": float(target.logprob[i] - other[i]) if other is not None else None,
        }
        for i in range(len(target.logprob))
    ]
