"""What is configured: every setting with its value, where that comes from, and secrets masked."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr
from pydantic_settings import (
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
)

from probe.config import Settings
from probe.sources import CONFIG, PREFIX, SECRETS, below

MASK = "********"
_PASSWORD = re.compile(r"(://[^/\s:@]*:)(?!\d+[/#?])\S*(?=@)")  # up to the last @, unless it is a port that follows
_ALONE = re.compile(r"((?:https?|rediss?|memcached)://)[^/\s:@?#]+(?=@)")  # a token in the place of a name
_NAMED = re.compile(r"([?&;][^=&;\s]*(?:password|passwd|secret|token|key)[^=&;\s]*=)[^&;#\s]+", re.IGNORECASE)
_SECRET = re.compile("password|passwd|secret|token$|key", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Configured:
    """value: as JSON holds it, secrets masked. origin: default, option, or the name of a variable or file."""

    name: str
    value: Any
    origin: str
    description: str | None


def configured(options: Mapping[str, Any]) -> list[Configured]:
    """Returns every setting, as a command with these options has it. Raises SettingsError, ValidationError."""
    settings = Settings(**options)
    given = {name: value for name, value in options.items() if value is not None}
    environment, dotenv = EnvSettingsSource(Settings)(), DotEnvSettingsSource(Settings)()
    rest = [(_place(source), source()) for source in below(Settings)]
    found = []
    for name, field in Settings.model_fields.items():
        places = [("option", given), (PREFIX + name.upper(), environment), (".env", dotenv), *rest]
        origin = next((place for place, values in places if name in values), "default")
        found.append(Configured(name, masked(getattr(settings, name)), origin, field.description))
    return found


def masked(value: Any) -> Any:
    """Returns a value as JSON holds it, without what is secret in it: passwords of addresses, keys of options."""
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, Mapping):
        return {key: MASK if _SECRET.search(str(key)) else masked(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [masked(one) for one in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    found = str(value)
    for secret in (_PASSWORD, _ALONE, _NAMED):
        found = secret.sub(rf"\1{MASK}", found)
    return found


def shown(value: Any) -> str:
    """Returns a value as a person reads it."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _place(source: PydanticBaseSettingsSource) -> str:
    return os.environ[SECRETS if isinstance(source, SecretsSettingsSource) else CONFIG]
