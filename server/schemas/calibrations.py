"""/v1/calibrations."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from server.schemas.common import Progress
from server.schemas.entries import Asked, CalibrationName, KnownTexts, Seed
from server.schemas.probe import Gate
from server.work.job import Status


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


class CalibrationCard(BaseModel):
    id: str
    object: Literal["calibration"] = "calibration"
    status: Literal["completed"] = "completed"
    owner: Literal["yours", "operator"] = Field(description="operator: made for all, the embedded ones among them")
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
    owner: Literal["yours"] = "yours"
    status: Status
    created: int
    progress: Progress
    error: str | None


class CalibrationList(BaseModel):
    object: Literal["list"] = "list"
    data: list[CalibrationCard | CalibrationJob]
