"""Fillers have the form of the value, check digits included, and what is masked cannot be read."""

from __future__ import annotations

import re
from itertools import islice

import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from probe.memorization.pii.fillers import fillers
from probe.memorization.pii.mask import mask

VALUES = {
    "PHONE_NUMBER": "+1 415 555 0132", "CREDIT_CARD": "4111 1111 1111 1111", "IBAN_CODE": "DE89 3704 0044 0532 0130 00",
    "IP_ADDRESS": "192.168.10.4", "US_SSN": "078-05-1120", "PERSON": "Jane DOE",
    "EMAIL_ADDRESS": "jane.doe7@example.com", "OWN": "AB-12 cd",
}  # fmt: skip


def some(kind: str, count: int = 300, seed: int = 0) -> list[str]:
    return list(islice(fillers(VALUES[kind], kind, seed), count))


def form(value: str) -> str:
    return re.sub(r"[a-z]", "a", re.sub(r"[A-Z]", "A", re.sub(r"\d", "0", value)))


@pytest.mark.parametrize("kind", ["PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "US_SSN", "OWN"])
def test_the_form_stays(kind: str) -> None:
    found = some(kind)
    assert {form(one) for one in found} == {form(VALUES[kind])} and len(set(found)) > 290
    assert found == some(kind) != some(kind, seed=1)


def test_what_others_must_share_stays() -> None:
    assert all(one.startswith("+1 ") for one in some("PHONE_NUMBER"))
    assert all(one[0] == "4" for one in some("CREDIT_CARD")) and all(one[:2] == "DE" for one in some("IBAN_CODE"))
    assert all(one.endswith(".com") and one.count("@") == 1 and "7" not in one[-8:] for one in some("EMAIL_ADDRESS"))


def test_check_digits_are_right() -> None:
    for one in [*some("CREDIT_CARD"), VALUES["CREDIT_CARD"]]:
        digits = [int(digit) for digit in one if digit.isdigit()][::-1]
        assert sum(digits[::2]) % 10 == -sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2]) % 10
    for one in [*some("IBAN_CODE"), VALUES["IBAN_CODE"]]:
        bare = one.replace(" ", "")
        assert int("".join(str(int(letter, 36)) for letter in bare[4:] + bare[:4])) % 97 == 1


def test_addresses_are_addresses() -> None:
    for one in some("IP_ADDRESS"):
        parts = one.split(".")
        assert [len(part) for part in parts] == [3, 3, 2, 1] and all(0 <= int(part) < 256 for part in parts)
    assert re.fullmatch(r"[0-9a-f]{4}::[0-9a-f]", next(fillers("fe80::1", "IP_ADDRESS", 0)))


def test_words_become_words_of_the_same_case() -> None:
    assert all(re.fullmatch(r"[A-Z][a-z]+ [A-Z]+", one) for one in some("PERSON"))
    assert all(re.fullmatch(r"[a-z]+\.[a-z]+\d@[a-z]+\.com", one) for one in some("EMAIL_ADDRESS"))


@given(st.text(max_size=40), st.sampled_from([*VALUES, "OTHER"]))
@example("4²00 0000 0000 0002", "CREDIT_CARD")
def test_any_value_has_fillers(value: str, kind: str) -> None:
    digits = [character for character in value if character.isdecimal()]
    if (kind == "CREDIT_CARD" and len(digits) < 2) or kind == "IBAN_CODE":
        return  # Presidio finds none such
    assert len(list(islice(fillers(value, kind, 0), 5))) == 5


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        ("jane.doe@example.com", "ja**.***@*******.***"),
        ("p@$$-w0rd!-_-", "p@**-*****-*-"),
        ("\U0001f468\u200d\U0001f469 \u2764\ufe0f", "*** **"),
        ("\u092a\u094d\u0930\u093f\u092f\u093e \u0936\u0930\u094d\u092e\u093e", "****** *****"),
        ("Jose\u0301 Ramo\u0301n", "Jo*** ******"),
        ("-\u0301", "**"),
    ],
)
def test_nothing_but_separators_is_seen(value: str, hidden: str) -> None:
    assert mask(value) == hidden


@given(st.text(max_size=60))
def test_masks_hide_and_keep_the_length(value: str) -> None:
    hidden = mask(value)
    assert len(hidden) == len(value)
    signs = regex.findall(r"\X", value)
    seen = sum(map(len, signs[:2])) if len(signs) > 8 else 0
    assert hidden[:seen] == value[:seen]
    assert all(character.isspace() or character in "*-./@:,+()" for character in hidden[seen:])
