"""Reports on groups as the service documents them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from server.schemas.entries import AnyText, Asked, Entry


class AggregateRequest(Asked):
    """A cohort of texts, and the model to ask about."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"model": "demo", "input": ["The first of fifty texts.", "The second."]}]},
    )
    model: str = Field(description="an id of GET /v1/models")
    input: list[AnyText | Entry] = Field(description="a list of texts or of {id, text}; ids are not used")


class NoisedMean(BaseModel):
    """A mean over the cohort with discrete Laplace noise."""

    value: float = Field(description="may lie outside of the clip range: it is unbiased")
    scale: float = Field(description="of the noise: range / (texts x epsilon)")
    interval: tuple[float, float] = Field(description="holds the mean without noise in 95% of reports")
    clip: tuple[float, float] = Field(description="the range to which each text's value is clipped")
    epsilon: float


class CohortCounts(BaseModel):
    given: int
    counted: int = Field(description="those that the means are over")
    copies: int = Field(description="repeats and near-copies, which count once")
    left_out: int = Field(description="those that cannot be scored, or hold no word")


class Privacy(BaseModel):
    """Epsilon: what the report cost, and what further reports on this model and these texts may still cost."""

    spent: float
    left: float


class Aggregate(BaseModel):
    id: str
    object: Literal["aggregate"] = "aggregate"
    model: str
    target: str = Field(description="sha256:... of the model's content")
    calibration: str | None
    created: int
    texts: CohortCounts
    statistics: dict[str, NoisedMean] = Field(
        description="loss: nats per token; member_share: texts whose verdict is member, where there is a calibration"
    )
    epsilon: Privacy
    warnings: list[str]
