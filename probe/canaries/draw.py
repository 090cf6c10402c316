"""Drawing: of alternatives that nothing sets apart, one is planted, by fair chance.

The chance is the system's (secrets), apart from the key that makes the alternatives: given all of them, each was as
likely to be planted as any other. The test (rank.py) asks for nothing else, neither of the texts nor of the model.
The idea of secrets in a format: Carlini et al. 2019 (1802.08232); of watermarks drawn at random, so that a p-value is
exact: Wei et al. 2024 (2402.10892).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from probe.canaries.secret import MOST, RESTORE, Sealed, Secret
from probe.canaries.template import TEMPLATES, check, fillings
from probe.canaries.variants import Variants
from probe.canaries.words import WORDS
from probe.data.hashed import text_hash
from probe.errors import InputError, Tampered

_TRIES = 100  # fillings looked at for each that is needed


@dataclass(frozen=True, slots=True)
class Canary:
    """texts: the alternatives, all different; drawn: place of the planted one among them."""

    id: str
    texts: tuple[str, ...]
    drawn: int

    @property
    def planted(self) -> str:
        return self.texts[self.drawn]

    def among(self, alternatives: int) -> Canary:
        """Returns it among at most so many alternatives: those of its block, in which it is as likely in any place."""
        blocks = -(-len(self.texts) // (alternatives + 1))
        block = self.drawn * blocks // len(self.texts)
        begin, end = (-(-number * len(self.texts) // blocks) for number in (block, block + 1))
        return Canary(self.id, self.texts[begin:end], self.drawn - begin)


def draw(count: int, alternatives: int, templates: Sequence[str] = TEMPLATES) -> Secret:
    """Draws canaries of these templates, in turns, each one of 1 + alternatives. Raises InputError."""
    if count < 1 or alternatives < 1:
        raise InputError("Ask for one canary at least (--count), and one alternative to it (--alternatives).")
    size = alternatives + 1
    if count * size > MOST:
        raise InputError(
            f"{count:,} canaries of {alternatives:,} alternatives make {count * size:,} texts, and {MOST:,} are held "
            "at once: ask for fewer, or make several folders."
        )
    good = [check(template, WORDS, -(-count // len(templates)) * size) for template in templates]
    digits = len(str(count))
    rows = [
        Sealed(f"canary-{number + 1:0{digits}}", secrets.randbelow(size), size, template=good[number % len(good)])
        for number in range(count)
    ]
    return _seal(rows, WORDS)


def draw_variants(rows: Sequence[Variants]) -> Secret:
    """Draws one of the author's own wordings of each passage."""
    return _seal([Sealed(row.id, secrets.randbelow(len(row.texts)), len(row.texts), texts=row.texts) for row in rows])


def rebuild(secret: Secret) -> list[Canary]:
    """Returns the canaries with all their alternatives. Raises Tampered where these are not what was drawn."""
    found = _make(secret)
    for canary, sealed in zip(found, secret.canaries, strict=True):
        if text_hash(canary.planted) != sealed.sha256:
            raise Tampered(f"The secret gives another text for {canary.id} than was planted: {RESTORE}.")
    return found


def _seal(rows: Sequence[Sealed], words: Sequence[str] = ()) -> Secret:
    secret = Secret(secrets.token_bytes(32), tuple(rows), tuple(words))
    sealed = [replace(row, sha256=text_hash(made.planted)) for row, made in zip(rows, _make(secret), strict=True)]
    return replace(secret, canaries=tuple(sealed))


def _make(secret: Secret) -> list[Canary]:
    """No text made of a template comes twice, nor as an alternative of another canary."""
    seen: set[str] = set()
    return [
        Canary(one.id, one.texts or tuple(_distinct(secret, number, seen)), one.drawn)
        for number, one in enumerate(secret.canaries)
    ]


def _distinct(secret: Secret, number: int, seen: set[str]) -> list[str]:
    one = secret.canaries[number]
    found: list[str] = []
    for text in islice(fillings(one.template, secret.words, secret.key, number), _TRIES * one.size):
        if text not in seen:
            seen.add(text)
            found.append(text)
            if len(found) == one.size:
                return found
    raise Tampered(f"{one.id} of the secret has no {one.size:,} texts: {RESTORE}.")
