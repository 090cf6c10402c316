"""Values out of sight: what stands in logs, pages and results unless somebody asks for the values."""

from __future__ import annotations

import regex

_SIGHT = 2  # characters that stay, so that the owner knows it again
_SEPARATORS = frozenset("-./@:,+()")  # what forms are made of; any other mark may be the value itself


def mask(value: str) -> str:
    """Returns the value with its form, as long as it was: white space and separators, and the first of a long one."""
    signs = regex.findall(r"\X", value)  # a letter with its accents is one, and so is an emoji of several parts
    shown = _SIGHT if len(signs) > 4 * _SIGHT else 0
    return "".join([*signs[:shown], *(_hidden(sign) for sign in signs[shown:])])


def _hidden(sign: str) -> str:
    return sign if sign.isspace() or sign in _SEPARATORS else "*" * len(sign)
