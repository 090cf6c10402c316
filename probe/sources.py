"""Where settings come from: options, the environment, .env, a folder of secrets, a TOML file; the first wins."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsError,
    TomlConfigSettingsSource,
)

PREFIX = "MEMPROBE_"
CONFIG, SECRETS = "MEMPROBE_CONFIG", "MEMPROBE_SECRETS"
BESIDE = {  # what else the environment may name, which no file can
    CONFIG: "a TOML file of settings",
    SECRETS: "a folder with a file per secret setting, named as its variable in small letters",
    "MEMPROBE_KERNEL": "off: reduce logits in plain torch",
    "MEMPROBE_VLLM_STATISTICS": "1: a vLLM server gives all statistics",
}
Sources = tuple[PydanticBaseSettingsSource, ...]


def below(kind: type[BaseSettings]) -> Sources:
    """Returns the sources that come after the environment. Raises SettingsError."""
    return (*_secrets(kind), *_file(kind))


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns which known name may have been meant, as the end of a sentence."""
    found = get_close_matches(name, list(known), 1)
    return f"; did you mean {found[0]}?" if found else "; `memprobe config` lists those that there are."


def unknown(kind: type[BaseSettings]) -> list[str]:
    """Returns what the environment, .env and the folder of secrets name with our prefix that is no setting, each with
    the nearest one. A file of settings is refused for it. Raises SettingsError.
    """
    settings = {PREFIX + name.upper() for name in kind.model_fields}
    dotenv = DotEnvSettingsSource(kind, env_ignore_empty=False).env_vars
    folder = _folder()
    return [
        *_strange("", os.environ, settings | BESIDE.keys()), *_strange(".env: ", map(str.upper, dotenv), settings),
        *(_strange(f"{folder}: ", [path.name for path in folder.iterdir()], settings) if folder else ()),
    ]  # fmt: skip


def _strange(place: str, names: Iterable[str], known: Collection[str]) -> list[str]:
    strange = [name for name in names if name.upper().startswith(PREFIX) and name.upper() not in known]
    return [f"{place}{name} {_wrong(name.upper(), known)}" for name in sorted(strange)]


def _wrong(name: str, known: Collection[str]) -> str:
    if name in BESIDE:
        return "is read from the environment only"
    return f"is no setting{nearest(name, known)}"


def _folder() -> Path | None:
    """Returns the folder of secrets, None where none is named. Raises SettingsError."""
    folder = os.environ.get(SECRETS)
    if folder and not Path(folder).is_dir():
        raise SettingsError(f"{SECRETS}: there is no folder {folder}.")
    return Path(folder) if folder else None


class _Secrets(SecretsSettingsSource):
    """An empty file is one that is not there."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        value, key, is_complex = super().get_field_value(field, field_name)
        return value or None, key, is_complex


class _Toml(TomlConfigSettingsSource):
    """An empty value is one that is not there."""

    def __call__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__call__().items() if value != ""}


def _secrets(kind: type[BaseSettings]) -> Sources:
    folder = _folder()
    return (_Secrets(kind, secrets_dir=folder),) if folder else ()


def _file(kind: type[BaseSettings]) -> Sources:
    path = os.environ.get(CONFIG)
    if not path:
        return ()
    try:
        found = _Toml(kind, toml_file=Path(path))
        if not Path(path).is_file():
            raise SettingsError(f"{CONFIG}: there is no file {path}.")
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is no TOML: {error}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{CONFIG}: {path} cannot be read ({type(error).__name__}).") from error
    if strange := [name for name in found.toml_data if name not in kind.model_fields]:
        raise SettingsError(f"{path}: {strange[0]} is no setting{nearest(strange[0], kind.model_fields)}")
    return (found,)
