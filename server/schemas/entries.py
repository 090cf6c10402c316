"""What callers hand in: texts, names, seeds; and what every body is refused for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, ValidationError, WithJsonSchema

from probe.prepared import LEAST_ALPHA


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


class KnownEntry(Entry):
    """A text whose membership is known."""

    source: Name | None = Field(None, description="the document, site or date that it is from")


KnownTexts = list[AnyText | KnownEntry]
