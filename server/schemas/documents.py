"""Requests and answers about documents and personal data. Shapes only."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import UploadFile
from pydantic import BaseModel, ConfigDict, Field

from probe.memorization.scan import MOST
from server.schemas.common import JobCard
from server.schemas.entries import AnyText, Asked, Entry
from server.schemas.probe import Usage


class DocumentRequest(BaseModel):
    """The fields of the form in which a document is handed in."""

    model_config = ConfigDict(extra="forbid")
    file: UploadFile = Field(description="txt, md, html, epub or pdf")
    model: str = Field(description="an id of GET /v1/models")
    calibration: str | None = Field(None, description="a name of GET /v1/calibrations; the model's own by default")
    alpha: float = Field(0.01, description="the false-positive rate that a passage's `member` claims")
    prefix: int = Field(50, description="tokens that the model is shown")
    suffix: int = Field(50, description="tokens that it is to continue with")
    stride: int = Field(10, description="tokens from one window to the next")
    temperature: float | None = Field(None, description="of the sampler of p_z and of samples; above 0")
    top_k: int | None = Field(None, description="of that sampler; 1 is greedy")
    most: int = Field(MOST, description="windows that are scored exactly, the likeliest")
    generate: int = Field(0, ge=0, le=100, description="windows that the model is let go on from")
    samples: int = Field(0, ge=0, le=50, description="continuations of each that are drawn by chance besides")


class DocumentJob(JobCard):
    """A document: what was read of its file, how far the model is with it, and figures when it is completed."""

    object: Literal["document"] = "document"
    name: str
    kind: str
    hash: str
    characters: int
    paragraphs: int
    mended: dict[str, int] = Field(description="how often what was put right when the file was read")
    warnings: list[str]
    document: dict[str, Any] | None = Field(description="what memprobe document --json prints")


class ContinuationAnswer(BaseModel):
    """What the model writes behind the words before the passage."""

    object: Literal["continuation"] = "continuation"
    continuation: dict[str, Any] = Field(description="as in the document's continuations")
    usage: Usage = Field(description="tokens read and, at most, written")


class DocumentList(BaseModel):
    object: Literal["list"] = "list"
    data: list[DocumentJob]


class PiiRequest(Asked):
    """Texts in which personal data are looked for."""

    model: str = Field(description="an id of GET /v1/models")
    input: AnyText | list[AnyText | Entry] = Field(description="one text, or a list of texts or of {id, text}")
    patterns: dict[str, str] = Field(default_factory=dict, description="expressions of your own by name")
    presidio: bool = Field(True, description="whether Presidio searches, or the patterns alone")
    language: str = "en"
    fillers: int = Field(10_000, ge=100, le=100_000, description="values that each is ranked among")
    values: bool = Field(False, description="show values; else they are masked")


class PiiJob(JobCard):
    """Personal data: progress in values, and each value's standing when it is completed."""

    object: Literal["pii"] = "pii"
    pii: dict[str, Any] | None = Field(description="what memprobe pii --json prints")


class PiiList(BaseModel):
    object: Literal["list"] = "list"
    data: list[PiiJob]
