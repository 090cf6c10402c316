"""POST /v1/probe and /v1/models."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from server.schemas.entries import Alpha, AnyRow, AnyText, Asked, CalibrationName

EXAMPLE = "Return a new list containing all items from the iterable in ascending order."


class ProbeRequest(Asked):
    """What to judge, by which model."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"model": "demo", "input": [EXAMPLE], "return_tokens": True}]},
    )
    model: str = Field(description="an id of GET /v1/models")
    input: AnyText | list[AnyRow] = Field(description="one text, or a list of texts or of {id, text}")
    scores: list[str] | None = Field(None, description="ids to compute; by default those of two passes at most")
    calibration: CalibrationName | None = Field(
        None, description="a name of GET /v1/calibrations; the model's own by default"
    )
    alpha: Alpha = Field(0.01, description="the false-positive rate that a `member` claims")
    return_tokens: bool = Field(False, description="adds offsets, log-probabilities and ranks of every token")


class Claim(BaseModel):
    alpha: float
    confidence: float
    nonmembers: int
    k: int
    members: int
    smallest_alpha: float
    kind: str


class DefaultScore(BaseModel):
    name: str
    value: float
    calibrated: float | None


class ScoreValue(BaseModel):
    value: float | None
    reason: str | None = None


class Token(BaseModel):
    start: int
    end: int
    logprob: float
    rank: int
    reference_logprob: float | None
    reference_difference: float | None


class InCorpus(BaseModel):
    found: Literal["exact", "run", "none"] | None
    run_words: int
    share: float
    documents: int
    ids: list[str]
    note: str | None


class Ppv(BaseModel):
    """The least share of `member` answers that is right where `prior` of the texts are members."""

    prior: float
    least: float


Gate = Literal["pass", "fail", "untestable"]


class ProbeResult(BaseModel):
    """One text's verdict, or the error that it met."""

    index: int
    id: str | None
    verdict: Literal["member", "not_member", "inconclusive", "out_of_distribution"] | None
    reason: str | None
    p_value: float | None
    p_member: float | None
    q_value: float | None
    claim: Claim | None
    score: DefaultScore | None
    scores: dict[str, ScoreValue]
    perplexity: float | None
    reference_perplexity: float | None
    perplexity_ratio: float | None
    gates: dict[str, Gate]
    evidence: Literal["A", "B", "C", "D"] | None
    ppv: list[Ppv]
    tokens: list[Token] | None
    windows: int
    warnings: list[str]
    error: str | None
    corpus: InCorpus | None = Field(None, description="where a corpus is named: what it holds, beside the statistic")
    text_sha256: str = Field(description="of the text's UTF-8 without white space around it")


class Usage(BaseModel):
    tokens: int


class ProbeResponse(BaseModel):
    id: str
    object: Literal["probe"] = "probe"
    model: str
    calibration: str | None
    results: list[ProbeResult]
    fingerprint: dict[str, Any]
    provenance: dict[str, Any] = Field(description="what repeating it takes beside the fingerprint: memprobe verify")
    usage: Usage


class ModelCard(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "memprobe"
    target: str
    reference: str | None
    calibration: str | None
    context: int
    dtype: str
    scores: list[str]
    warnings: list[str]


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[ModelCard]
