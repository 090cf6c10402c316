"""Requests and answers as the service documents them. Shapes only; `probe.response` fills them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema

EXAMPLE = "Return a new list containing all items from the iterable in ascending order."


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a text must be a string")
    return value


# Not pydantic's own str: a text with an unpaired surrogate is a result with an error, not a failed request.
AnyText = Annotated[str, PlainValidator(_string), WithJsonSchema({"type": "string"})]


def _unicode(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError("must be valid Unicode") from error
    return value


Name = Annotated[str, AfterValidator(_unicode)]


class Entry(BaseModel):
    """A text with the caller's own id."""

    model_config = ConfigDict(extra="forbid")
    id: Name | None = None
    text: AnyText


class ProbeRequest(BaseModel):
    """What to judge, by which model."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"model": "demo", "input": [EXAMPLE], "return_tokens": True}]},
    )
    model: str = Field(description="an id of GET /v1/models")
    input: AnyText | list[AnyText | Entry] = Field(description="one text, or a list of texts or of {id, text}")
    scores: list[str] | None = Field(None, description="ids to compute; by default those of two passes at most")
    calibration: str | None = Field(None, description="a name of GET /v1/calibrations; the model's own by default")
    alpha: float = Field(0.01, description="the false-positive rate that a `member` claims")
    return_tokens: bool = Field(False, description="adds offsets, log-probabilities and ranks of every token")


class Claim(BaseModel):
    alpha: float
    confidence: float
    nonmembers: int
    k: int
    members: int
    smallest_alpha: float


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
    tokens: list[Token] | None
    windows: int
    warnings: list[str]
    error: str | None


class Usage(BaseModel):
    tokens: int


class ProbeResponse(BaseModel):
    id: str
    object: Literal["probe"] = "probe"
    model: str
    calibration: str | None
    results: list[ProbeResult]
    fingerprint: dict[str, Any]
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


class CalibrationCard(BaseModel):
    id: str
    object: Literal["calibration"] = "calibration"
    created: str
    score: str
    basis: str
    nonmembers: int
    members: int
    smallest_alpha: float
    tokens: tuple[int, int] = Field(description="shortest and longest text that it covers")
    gates: dict[str, Gate]
    fits: list[str] = Field(description="ids of the loaded models that it is for")
    fingerprint: dict[str, Any]


class CalibrationList(BaseModel):
    object: Literal["list"] = "list"
    data: list[CalibrationCard]


class Health(BaseModel):
    status: str


class ErrorBody(BaseModel):
    message: str
    type: str
    param: str | None
    code: str


class ErrorResponse(BaseModel):
    """Every answer that is not a success."""

    error: ErrorBody
