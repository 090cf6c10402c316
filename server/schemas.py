"""Requests and answers as the service documents them. Shapes only; `probe.response` fills them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, ValidationError, WithJsonSchema

from probe.prepare import LEAST_ALPHA
from server.jobs import Status

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
# The engine is who refuses a wrong one, and says why; here it is only documented.
CalibrationName = Annotated[Name, WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"})]
Alpha = Annotated[float, WithJsonSchema({"type": "number", "minimum": LEAST_ALPHA, "exclusiveMaximum": 0.5})]
Seed = Annotated[int, Field(ge=0, lt=1 << 32)]


class Asked(BaseModel):
    """A body. What is not known, and what has another type than documented, is refused rather than guessed at."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Entry(Asked):
    """A text with the caller's own id."""

    id: Name | None = None
    text: AnyText


@dataclass(frozen=True, slots=True)
class NoText:
    """A row among others that holds no text: its result is an error, and they stand."""

    reason: str
    id: str | None


def _row(value: object) -> str | Entry | NoText:
    if isinstance(value, str):
        return value
    try:
        return Entry.model_validate(value)
    except ValidationError:
        name = value.get("id") if isinstance(value, dict) else None
        known = name if isinstance(name, str) and name.isprintable() else None
        return NoText('it is neither a text nor {"id": "...", "text": "..."}', known)


AnyRow = Annotated[
    str | Entry | NoText,
    PlainValidator(_row),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"$ref": "#/components/schemas/Entry"},
                {"description": "anything else is a result with an error"},
            ]
        }
    ),
]


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


class KnownEntry(Entry):
    """A text whose membership is known."""

    source: Name | None = Field(None, description="the document, site or date that it is from")


KnownTexts = list[AnyText | KnownEntry]


class CalibrationRequest(Asked):
    """Known texts, to be scored once."""

    name: CalibrationName = Field(description="letters, digits, dots and dashes; it is stored under this name")
    model: str = Field(description="an id of GET /v1/models")
    nonmembers: KnownTexts = Field(
        min_length=1, description="texts that the target cannot have seen; 299 allow a claim of FPR 1%"
    )
    members: KnownTexts = Field([], description="texts that it was trained on; without them there is no not_member")
    tuning: KnownTexts = Field([], description="more non-members; else a seventh of them is split off")
    tuning_members: KnownTexts = Field([], description="more members; else a seventh of them is split off")
    placebo: str | None = Field(
        None, description="id of the service's placebo (MEMPROBE_PLACEBO, `sibling` beside the embedded pair)"
    )
    random_split: bool = Field(False, description="members and non-members are random parts of one set")
    seed: Seed = 0


class Progress(BaseModel):
    """Texts measured, and texts in all: known once the work has begun."""

    done: int
    total: int


class CalibrationCard(BaseModel):
    id: str
    object: Literal["calibration"] = "calibration"
    status: Literal["completed"] = "completed"
    created: str
    score: str
    basis: str
    nonmembers: int
    members: int
    smallest_alpha: float
    tokens: tuple[int, int] = Field(description="shortest and longest text that it covers")
    gates: dict[str, Gate]
    findings: dict[str, str] = Field(description="what decided each gate")
    kinds: dict[str, int] = Field(description="non-members of each kind that has a threshold of its own")
    power: str = Field(description="what it can claim, and what more would take")
    notes: list[str]
    fits: list[str] = Field(description="ids of the loaded models that it is for")
    fingerprint: dict[str, Any]


class CalibrationJob(BaseModel):
    """A calibration in the making, or one that was not made."""

    id: str
    object: Literal["calibration"] = "calibration"
    job: str
    status: Status
    created: int
    progress: Progress
    error: str | None


class EvaluationRequest(Asked):
    """Labelled texts, of which every score is measured."""

    model: str = Field(description="an id of GET /v1/models")
    members: list[AnyText | Entry] = Field(description="texts that the target was trained on")
    nonmembers: list[AnyText | Entry] = Field(description="texts that it was not; 1,000 for a TPR at FPR .1%")
    scores: list[str] | None = Field(None, description="ids to compute; by default those of two passes at most")
    calibration: CalibrationName | None = Field(
        None, description="a name of GET /v1/calibrations; the model's own by default"
    )
    seed: Seed = 0


class EvaluationJob(BaseModel):
    """An evaluation: its progress, and its figures when it is completed."""

    id: str
    object: Literal["evaluation"] = "evaluation"
    model: str
    status: Status
    created: int
    progress: Progress
    error: str | None
    evaluation: dict[str, Any] | None = Field(description="what memprobe evaluate --json prints")


class EvaluationList(BaseModel):
    object: Literal["list"] = "list"
    data: list[EvaluationJob]


class Session(BaseModel):
    """Whose things are seen with a key, and what it may ask."""

    owner: str
    scopes: list[str]


class Deleted(BaseModel):
    id: str
    object: str
    deleted: bool = True


class CalibrationList(BaseModel):
    object: Literal["list"] = "list"
    data: list[CalibrationCard | CalibrationJob]


class Health(BaseModel):
    status: str


class Unready(Health):
    """loading, ending or failing."""

    reason: str


class ErrorBody(BaseModel):
    message: str
    type: str
    param: str | None
    code: str


class ErrorResponse(BaseModel):
    """Every answer that is not a success."""

    error: ErrorBody


def failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Returns what a route documents of its answers that are no success."""
    return {status: {"model": ErrorResponse} for status in statuses}
