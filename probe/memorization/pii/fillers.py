"""Values of the same format as a true one: what it is ranked among.

Digits are drawn anew, letters too, unless they are words: those of names and mail addresses are drawn from names. What
has a check digit gets a right one (Luhn for cards, modulo 97 for IBANs). White space and punctuation stay.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable, Iterator, Sequence

from probe.canaries.words import WORDS

_WORD = re.compile(r"[^\W\d_]+")
NAMES = (
    "James Mary John Linda Robert Susan Michael Karen David Nancy William Lisa Thomas Betty Daniel Helen Paul Sandra "
    "Mark Donna Anna Peter Laura Kevin Emma Brian Julia Edward Alice Frank Diana George Clara Henry Martha Oliver "
    "Ruth Samuel Irene Victor Rosa Walter Grace Simon Hannah Leon Nora Felix Iris Smith Johnson Brown Jones Miller "
    "Davis Wilson Moore Taylor Anderson Jackson White Harris Martin Clark Lewis Young Walker Hall Allen King Wright "
    "Scott Green Baker Adams Nelson Carter Mitchell Turner Parker Evans Collins Stewart Morris Rogers Reed Cook "
    "Morgan Bell Murphy Bailey Cooper Richardson Cox Howard Ward Peterson Gray Watson Brooks Kelly Sanders Price "
    "Bennett Wood Barnes Ross Henderson Cole"
).split()
_ENOUGH = 20  # pieces of one form to choose from
_PERSON = frozenset(("PERSON", "EMAIL_ADDRESS"))


def fillers(value: str, kind: str, seed: int) -> Iterator[str]:
    """Yields values without end, of which some may come twice; the true one may be among them."""
    dice = random.Random(f"{seed} {kind} {len(value)}")
    make = _MAKERS.get(kind, _by_form)
    while True:
        yield make(value, dice)


def free(kind: str) -> bool:
    """True where nothing but its form makes a value valid: no check digit, no code, no range of numbers."""
    return _MAKERS.get(kind, _by_words) is _by_words


def by_pieces(pieces: Sequence[str], kind: str, pool: Sequence[str], seed: int) -> Iterator[str]:
    """Yields values without end of as many pieces, letters from the pool for letters of the same form where it has a
    few; of a mail address the domain's ending stays.
    """
    dice = random.Random(f"{seed} {kind} {len(pieces)}")
    forms: dict[str, list[str]] = {}
    for piece in pool:
        if piece.isascii() and piece.isalpha():
            forms.setdefault(_form(piece), []).append(piece)
    whole = "".join(pieces)
    kept = len(whole) - whole.rfind(".") if kind == "EMAIL_ADDRESS" and "." in whole else 0

    def exchanged(run: re.Match[str]) -> str:
        others = forms.get(_form(run[0]), [])
        return dice.choice(others) if len(others) >= _ENOUGH else _by_form(run[0], dice)

    while True:
        made = [_digits(_WORD.sub(exchanged, piece), dice) for piece in pieces]
        yield "".join(made)[: len(whole) - kept] + whole[len(whole) - kept :]


def _form(piece: str) -> str:
    return "".join("A" if character.isupper() else "a" for character in piece)


def _by_form(value: str, dice: random.Random) -> str:
    return "".join(_alike(character, dice) for character in value)


def _alike(character: str, dice: random.Random) -> str:
    if character in string.digits:
        return dice.choice(string.digits)
    if character.isalpha() and character.isascii():
        return dice.choice(string.ascii_uppercase if character.isupper() else string.ascii_lowercase)
    return character


def _by_words(value: str, dice: random.Random) -> str:
    """Words become names and other words of the same case, digits other digits; the domain's ending stays."""
    name, at, domain = value.partition("@")
    made = _WORD.sub(lambda found: _cased(dice.choice(NAMES), found[0]), _digits(name, dice))
    if not at:
        return made
    host, dot, end = domain.rpartition(".")
    return f"{made}@{_WORD.sub(lambda found: _cased(dice.choice(WORDS), found[0]), _digits(host, dice))}{dot}{end}"


def _cased(word: str, like: str) -> str:
    return word.lower() if like.islower() else word.upper() if like.isupper() else word.capitalize()


def _digits(value: str, dice: random.Random) -> str:
    return re.sub(r"\d", lambda _: dice.choice(string.digits), value)


def _phone(value: str, dice: random.Random) -> str:
    """A country's code stays: another would have another length."""
    code = re.match(r"\+\d{1,3}(?=[\s(.-])|00\d{1,3}(?=[\s(.-])", value)
    begin = code.end() if code else 0
    return value[:begin] + _digits(value[begin:], dice)


def _card(value: str, dice: random.Random) -> str:
    """The first digit, which names the issuer, stays."""
    places = [place for place, character in enumerate(value) if character.isdecimal()]
    made = list(_digits(value, dice))
    made[places[0]] = value[places[0]]
    made[places[-1]] = "0"
    total = sum(_luhn(int(made[place]), number % 2 == 1) for number, place in enumerate(reversed(places)))
    made[places[-1]] = str(-total % 10)
    return "".join(made)


def _luhn(digit: int, doubled: bool) -> int:
    return digit if not doubled else 2 * digit - 9 * (digit > 4)


def _iban(value: str, dice: random.Random) -> str:
    """Country and form stay, check digits are right."""
    made = value[:2] + _by_form(value[2:], dice)
    bare = re.sub(r"\W", "", made)
    number = "".join(str(int(character, 36)) for character in f"{bare[4:]}{bare[:2]}00")
    check = iter(f"{98 - int(number) % 97:02d}")
    places = [place for place, character in enumerate(made) if character.isalnum()][2:4]
    return "".join(next(check) if place in places else character for place, character in enumerate(made))


def _address(value: str, dice: random.Random) -> str:
    """Of an IPv4 address every part is below 256."""
    if not re.fullmatch(r"\d{1,3}(\.\d{1,3}){3}", value):
        return re.sub(r"[0-9a-fA-F]", lambda _: dice.choice("0123456789abcdef"), value)
    return ".".join(
        str(dice.randrange(10 ** (len(part) - 1) * (len(part) > 1), min(256, 10 ** len(part))))
        for part in value.split(".")
    )


_MAKERS: dict[str, Callable[[str, random.Random], str]] = {
    "PHONE_NUMBER": _phone, "CREDIT_CARD": _card, "IBAN_CODE": _iban, "IP_ADDRESS": _address,
    **dict.fromkeys(_PERSON, _by_words), "LOCATION": _by_words,
}  # fmt: skip
