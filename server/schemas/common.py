"""What answers of several routes share: a job, a deletion, an error."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from server.work.job import Status


class Progress(BaseModel):
    """Texts measured, and texts in all: known once the work has begun."""

    done: int
    total: int


class JobCard(BaseModel):
    """Long work: how far it is, and what ended it if it failed."""

    id: str
    model: str
    status: Status
    created: int
    progress: Progress
    error: str | None


class Session(BaseModel):
    """Whose things are seen with a key, and what it may ask."""

    owner: str
    scopes: list[str]


class Deleted(BaseModel):
    id: str
    object: str
    deleted: bool = True


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
