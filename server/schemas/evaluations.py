"""/v1/evaluations."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from server.schemas.common import JobCard
from server.schemas.entries import AnyText, Asked, CalibrationName, Entry, Seed


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


class PictureCard(BaseModel):
    """A picture of an evaluation; description: what it shows, for those who do not see it."""

    name: str
    title: str
    description: str


class EvaluationJob(JobCard):
    """An evaluation: its progress, and its figures when it is completed."""

    object: Literal["evaluation"] = "evaluation"
    evaluation: dict[str, Any] | None = Field(description="what memprobe evaluate --json prints")
    pictures: list[PictureCard] = Field(description="what GET .../pictures/NAME gives of it as SVG")


class EvaluationList(BaseModel):
    object: Literal["list"] = "list"
    data: list[EvaluationJob]
