"""Where settings come from: options, the environment, .env, a folder of secrets, a TOML file; the first wins."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from pydantic_settings import (
    BaseSettings,
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
    """Returns what the environment names with our prefix that is no setting, each with the nearest one."""
    known = {PREFIX + name.upper() for name in kind.model_fields} | BESIDE.keys()
    strange = [name for name in os.environ if name.upper().startswith(PREFIX) and name.upper() not in known]
    return [f"{name} is no setting{nearest(name.upper(), known)}" for name in sorted(strange)]


def _secrets(kind: type[BaseSettings]) -> Sources:
    folder = os.environ.get(SECRETS)
    if not folder:
        return ()
    if not Path(folder).is_dir():
        raise SettingsError(f"{SECRETS}: there is no folder {folder}.")
    return (SecretsSettingsSource(kind, secrets_dir=folder),)


def _file(kind: type[BaseSettings]) -> Sources:
    path = os.environ.get(CONFIG)
    if not path:
        return ()
    try:
        found = TomlConfigSettingsSource(kind, toml_file=Path(path))
        if not Path(path).is_file():
            raise SettingsError(f"{CONFIG}: there is no file {path}.")
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is no TOML: {error}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{CONFIG}: {path} cannot be read ({type(error).__name__}).") from error
    if strange := [name for name in found.toml_data if name not in kind.model_fields]:
        raise SettingsError(f"{path}: {strange[0]} is no setting{nearest(strange[0], kind.model_fields)}")
    return (found,)
