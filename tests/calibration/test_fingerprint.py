"""Which differences refuse a calibration and which are only recorded."""

from __future__ import annotations

import platform
import zlib
from dataclasses import dataclass, fields, replace
from importlib.metadata import version
from typing import Any, cast

import pytest

from probe import scores
from probe.calibration.fingerprint import Fingerprint, take, versions
from probe.models.base import Engine, Identity
from probe.setup import Setup

CONDITIONS = {"engine", "device", "versions"}
RECORDED = CONDITIONS | {
    "revisions", "prefixes", "frequencies", "neighbours",  # no verdict rests on a score that reads these three
}  # fmt: skip
FULL = Fingerprint(
    target="t", tokenizer="tt", dtype="float32", windows="w/8", reference="r", reference_tokenizer="rt",
    reference_dtype="bfloat16", reference_windows="w/4", engine="local", device="cpu", versions={"torch": "1"},
)  # fmt: skip


@dataclass
class Loaded:
    """An engine as far as its identity goes."""

    identity: Identity


def engine(prefix: str) -> Engine:
    return cast(Engine, Loaded(Identity(*(f"{prefix} {field.name}" for field in fields(Identity)))))


def changed(name: str) -> Fingerprint:
    value: Any = {"torch": "2"} if name == "versions" else "other"
    return replace(FULL, **{name: value})


@pytest.mark.parametrize("name", [field.name for field in fields(Fingerprint) if field.name not in RECORDED])
def test_models_dtypes_windows_and_formulas_must_match(name: str) -> None:
    assert FULL.mismatches(changed(name)) == changed(name).mismatches(FULL) == [name]
    assert FULL.same_conditions(changed(name))


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_the_rest_is_only_recorded(name: str) -> None:
    assert FULL.mismatches(changed(name)) == []
    assert FULL.same_conditions(changed(name)) is (name not in CONDITIONS)


def test_a_fingerprint_matches_itself_and_one_without_reference_does_not() -> None:
    assert FULL.mismatches(replace(FULL)) == [] and FULL.same_conditions(replace(FULL))
    alone = take(Setup(engine("target")))
    assert set(alone.mismatches(take(Setup(engine("target"), engine("reference"))))) == {
        "reference", "reference_tokenizer", "reference_dtype", "reference_windows"
    }  # fmt: skip


def test_every_part_is_taken_from_its_own_model() -> None:
    taken = take(Setup(engine("target"), engine("reference")))
    assert taken == Fingerprint(
        target="target model", tokenizer="target tokenizer", dtype="target dtype", windows="target windows",
        reference="reference model", reference_tokenizer="reference tokenizer", reference_dtype="reference dtype",
        reference_windows="reference windows", formulas=scores.VERSION, engine="target engine",
        device="target device", versions=versions(),
        revisions={"target": "target revision", "reference": "reference revision"},
    )  # fmt: skip


def test_names_and_revisions_do_not_count_for_content_decides() -> None:
    renamed = Loaded(replace(engine("target").identity, name="copy", revision="main"))
    found = take(Setup(cast(Engine, renamed)))
    assert found.mismatches(take(Setup(engine("target")))) == [] and found.revisions == {"target": "main"}


def test_versions_are_those_that_run() -> None:
    found = versions()
    assert found["python"] == platform.python_version()
    assert found["zlib"] == zlib.ZLIB_RUNTIME_VERSION
    assert found["numpy"] == version("numpy") and found["torch"] == version("torch")
