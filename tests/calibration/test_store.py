"""A calibration survives the disk unchanged, its file is private, and no other file is taken for one."""

from __future__ import annotations

import gc
import io
import json
import math
import os
import pickle
import stat
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.calibration.blind import BUCKETS, bag_all
from probe.calibration.calibration import Calibration, Sentinel
from probe.calibration.file import load
from probe.calibration.fingerprint import Fingerprint
from probe.calibration.residual import Residual
from probe.calibration.store import find, names, save
from probe.calibration.strata import Stratum
from probe.errors import CalibrationError, InputError, UnknownName
from probe.scores.combination import Combination
from probe.scores.features import NAMES
from probe.scores.fitted import Fitted
from probe.scores.token_model import TokenModel, Usual
from probe.scores.trees import Trees

Make = Callable[..., Calibration]
finite = st.floats(allow_nan=False, allow_infinity=False)


def same(left: Any, right: Any) -> bool:
    """Equal field by field, arrays with their dtypes."""
    if type(left) is not type(right):
        return False
    if isinstance(left, np.ndarray):
        return left.dtype == right.dtype and np.array_equal(left, right)
    if is_dataclass(left):
        return all(same(getattr(left, field.name), getattr(right, field.name)) for field in fields(left))
    if isinstance(left, tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def stored(calibration: Calibration, folder: Path) -> dict[str, Any]:
    """What the file holds, to be changed and written back."""
    with np.load(save(calibration, folder)) as held:
        return {name: held[name] for name in held.files}


def edited(make: Make, folder: Path, **header: Any) -> Path:
    """A file whose header was changed; a value of None removes the entry."""
    arrays = stored(make(), folder)
    changed = json.loads(str(arrays.pop("header"))) | header
    text = json.dumps({name: value for name, value in changed.items() if value is not None})
    np.savez(folder / "known.npz", header=np.array(text), **arrays)
    return folder / "known.npz"


def trees(feature: int = 3) -> Trees:
    nodes = np.array([1, 1, 2], np.int32), np.array([2, 1, 2], np.int32), np.array([feature, 0, 0], np.int32)
    return Trees(np.array([0], np.int32), *nodes, np.array([0.5, 0.0, 0.0]), np.array([0.0, -1 / 3, 1.0]), 0.1, 1)


def usual(single: list[float], pair: float = 0.25) -> Usual:
    return Usual(np.array(single), np.array([7, 1 << 33], np.int64), np.array([pair, 1 / 3]))


def learned() -> Combination:
    linear = [np.arange(len(NAMES)) / (3 + number) for number in range(4)]
    return Combination(NAMES, "both", *linear, -0.7, trees())


def test_everything_comes_back(make: Make, tmp_path: Path) -> None:
    calibration = make(
        fingerprint=Fingerprint("t", "tt", "float32", "w", "r", "rt", "bfloat16", "w", "9", "local", "cpu", {"a": "1"}),
        residual=Residual((0.1, -1 / 3, 1e-300, 0.0), (0.2, 0.3, 0.4, -0.1)),
        member_residual=Residual((1.1, 2.0, 3.0, 4.0), (0.5, 0.6, 0.7, 0.8)),
        sentinels=(Sentinel("naïve “text” \n 漢字 \ud800", -1 / 3), Sentinel("", 0.0)),
        fitted=Fitted(0.25, np.array([[1.0, 2.0], [3.0, 4.0]]), TokenModel(usual([1 / 3, 0.5]), trees()), learned()),
        basis="post-hoc",
        gates={"blind": "untestable"}, findings={"blind": "few"}, created="2020-01-01", notes=("a", "b"),
        bags=bag_all(["one two", "", "three"]),
        strata=(Stratum("topic", np.array([1.0, 2.0]), np.zeros(BUCKETS), -1.5),), members=np.array([]),
        found=np.array([-1.0, 2.5]),
    )  # fmt: skip
    found = load(save(calibration, tmp_path))
    assert same(found, calibration)
    assert found.fingerprint.mismatches(calibration.fingerprint) == []
    assert found.claim(0.01) == calibration.claim(0.01) and found.lengths == calibration.lengths


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (TokenModel(usual([0.5]), trees(feature=99)), "features that there are not"),
        (TokenModel(usual([np.nan]), trees()), "usual gains are broken"),
        (TokenModel(usual([]), trees()), "usual gains are broken"),
        (TokenModel(usual([0.5], np.inf), trees()), "usual gains are broken"),
        (TokenModel(replace(usual([0.5]), keys=np.array([3, 3])), trees()), "pairs of tokens do not fit"),
    ],
)
def test_a_token_model_that_leads_astray_is_refused(make: Make, tmp_path: Path, model: TokenModel, reason: str) -> None:
    path = save(make(fitted=Fitted(tokens=model)), tmp_path)
    with pytest.raises(CalibrationError, match=reason):
        load(path)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"residual": {"location": [0, 0, 0, math.nan], "log_scale": [0, 0, 0, 0]}}, "residual is broken"),
        ({"member_residual": {"location": [0, 0, 0, 0], "log_scale": [-1000, 0, 0, 0]}}, "residual is broken"),
        ({"residual": {"location": [0, 0, 0], "log_scale": [0, 0, 0]}}, "residual is broken"),
        ({"score": "nonexistent"}, "'nonexistent', which is not installed"),
        ({"gates": {"blind": "bogus"}}, "gates are not those"),
        ({"gates": {"bogus": "pass"}}, "gates are not those"),
        ({"gates": ["blind"]}, "has no attribute"),
        ({"notes": [1]}, "notes are no strings"),
        ({"created": "\ud800"}, "surrogates not allowed"),
        ({"basis": "zzz"}, "neither split nor post-hoc"),
    ],
)
def test_a_forged_header_is_refused(make: Make, tmp_path: Path, header: dict[str, Any], reason: str) -> None:
    with pytest.raises(CalibrationError, match=reason):
        load(edited(make, tmp_path, **header))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"nonmembers": np.arange(1000.0) + 1j}, "no finite numbers"),
        ({"tokens": np.linspace(-10, 100, 1000)}, "lacks what its texts are told by"),
        ({"shingles": np.array([], np.uint32)}, "lacks what its texts are told by"),
    ],
)
def test_forged_arrays_are_refused(make: Make, tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy drops an imaginary part with a warning
        path = save(make(**changes), tmp_path)
        with pytest.raises(CalibrationError, match=reason):
            load(path)


@settings(max_examples=30)
@given(
    values=st.lists(finite, min_size=1).map(sorted).map(np.array),
    coefficients=st.tuples(*[st.floats(-100, 100)] * 4),
    sentinels=st.lists(st.builds(Sentinel, st.text(), finite)).map(tuple),
    notes=st.lists(st.text()).map(tuple),
)
def test_any_values_come_back(
    make: Make,
    tmp_path_factory: pytest.TempPathFactory,
    values: np.ndarray,
    coefficients: tuple[float, ...],
    sentinels: tuple[Sentinel, ...],
    notes: tuple[str, ...],
) -> None:
    calibration = make(
        nonmembers=values,
        tokens=np.full(len(values), 20.0),
        difficulty=np.zeros(len(values)),
        variety=np.full(len(values), 0.5),
        residual=Residual(coefficients, (coefficients[0] / 1e3, 0.1, -0.2, coefficients[3])),
        sentinels=sentinels,
        notes=notes,
    )
    assert same(load(save(calibration, tmp_path_factory.getbasetemp() / "any")), calibration)


def test_large_coefficients_that_cancel_come_back(make: Make, tmp_path: Path) -> None:
    """As a fit among texts of like length gives them."""
    steep = Residual((0.0, 0.0, 0.0, 0.0), (-279.8, 153.3, -21.0, 0.0))
    known = make()
    found = replace(known, tokens=np.linspace(36, 41, len(known.tokens)), residual=steep)
    assert same(load(save(found, tmp_path)), found)


def test_the_file_is_its_owner_s_alone(make: Make, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "known.npz").touch(0o666)
    before = os.umask(0)
    try:
        path = save(make(), tmp_path / "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_saving_replaces_the_file_and_leaves_no_other(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "made" / "on" / "demand"
    save(make(fitted=Fitted(1.0)), folder)
    path = save(make(fitted=Fitted(2.0)), folder)
    assert path == folder / "known.npz" and list(folder.iterdir()) == [path]
    assert load(path).fitted.smoothing == 2.0


def test_find_and_names(make: Make, tmp_path: Path) -> None:
    assert names(tmp_path) == names(tmp_path / "missing") == ["demo", "demo-records"]
    for name in ("zebra", "a.b-c_1", "demo"):
        save(make(name=name, notes=("mine",)), tmp_path)
    assert names(tmp_path) == ["demo", "demo-records", "a.b-c_1", "zebra"]
    assert find("a.b-c_1", tmp_path).name == "a.b-c_1"
    assert find("demo", tmp_path).notes == ("mine",)  # before the embedded one


def test_a_name_that_is_not_there_is_answered_with_those_that_are(make: Make, tmp_path: Path) -> None:
    save(make(), tmp_path)
    with pytest.raises(UnknownName, match="demo, demo-records, known") as caught:
        find("unknown", tmp_path)
    assert caught.value.param == "calibration"


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../known", "a/b", "/etc/known", "a\\b", ".hidden", "-x", "a\0", "a\n", "a b", "é", "a" * 65],
)
def test_a_name_cannot_leave_its_folder(make: Make, tmp_path: Path, name: str) -> None:
    save(make(), tmp_path)
    folder = tmp_path / "inside"
    for use in (lambda: find(name, folder), lambda: save(make(name=name), folder)):
        with pytest.raises(InputError, match="cannot name a calibration") as caught:
            use()
        assert caught.value.param == "calibration" and not isinstance(caught.value, UnknownName)
    assert not folder.exists()


class Trap:
    """Unpickling one makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("where", ["file", "header", "nonmembers"])
def test_nothing_is_unpickled(make: Make, tmp_path: Path, where: str) -> None:
    sprung = tmp_path / "sprung"
    arrays = stored(make(), tmp_path)
    path = tmp_path / "known.npz"
    if where == "file":
        path.write_bytes(pickle.dumps(Trap(sprung)))
    else:
        np.savez(path, **arrays | {where: np.array([Trap(sprung)], dtype=object)})
    with pytest.raises(CalibrationError, match=r"known\.npz is not a calibration"):
        load(path)
    assert not sprung.exists()


@pytest.mark.parametrize("content", [b"", b"text", b"{}", b"\x80\x04.", b"\x93NUMPY", b"\0" * 1000])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "known.npz"
    path.write_bytes(content)
    with pytest.raises(CalibrationError, match=r"known\.npz is not a calibration"):
        load(path)


def test_a_bare_array_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "array.npy", np.arange(3.0))
    for path in (tmp_path / "array.npy", tmp_path, tmp_path / "missing.npz"):
        with pytest.raises(CalibrationError):
            load(path)


@pytest.mark.parametrize("name", ["header", "nonmembers", "members", "tokens", "difficulty", "variety", "shingles"])
def test_a_file_that_lacks_a_part_is_refused(make: Make, tmp_path: Path, name: str) -> None:
    arrays = stored(make(), tmp_path)
    del arrays[name]
    np.savez(tmp_path / "known.npz", **arrays)
    with pytest.raises(CalibrationError):
        load(tmp_path / "known.npz")


@pytest.mark.parametrize(
    "header",
    [
        {"added_later": 1}, {"score": None}, {"fingerprint": None}, {"fingerprint": {}}, {"fingerprint": [1]},
        {"fingerprint": {"target": "t", "tokenizer": "t", "dtype": "d", "windows": "w", "added_later": 1}},
        {"member_residual": None}, {"residual": {"location": 1}}, {"residual": {"added_later": [1]}},
        {"sentinels": [{"text": "without value"}]}, {"sentinels": 1}, {"notes": 1},
    ],
)  # fmt: skip
def test_another_version_s_header_is_refused(make: Make, tmp_path: Path, header: dict[str, Any]) -> None:
    with pytest.raises(CalibrationError):
        load(edited(make, tmp_path, **header))


@pytest.mark.parametrize("header", [{"residual": [0.0]}, {"member_residual": "none"}])
def test_a_header_of_other_types_is_refused(make: Make, tmp_path: Path, header: dict[str, Any]) -> None:
    with pytest.raises(CalibrationError):
        load(edited(make, tmp_path, **header))


def test_a_deeply_nested_header_is_refused(make: Make, tmp_path: Path) -> None:
    np.savez(tmp_path / "known.npz", **stored(make(), tmp_path) | {"header": np.array("[" * 100_000)})
    with pytest.raises(CalibrationError):
        load(tmp_path / "known.npz")


def test_an_array_that_claims_petabytes_is_refused(make: Make, tmp_path: Path) -> None:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (10**16,)})
    with zipfile.ZipFile(tmp_path / "known.npz", "w") as archive:
        archive.writestr("header.npy", file.getvalue())
    with pytest.raises(CalibrationError):
        load(tmp_path / "known.npz")


def test_a_damaged_file_is_refused_and_closed(make: Make, tmp_path: Path) -> None:
    path = save(make(), tmp_path)
    whole = path.read_bytes()
    places = range(0, len(whole), len(whole) // 40)
    damaged = [whole[:place] for place in places]
    damaged += [whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :] for place in places]
    escaped = set()
    with warnings.catch_warnings(record=True) as leaks:
        warnings.simplefilter("always")
        for content in damaged:
            path.write_bytes(content)
            try:
                load(path)  # a flipped time stamp does no harm
            except CalibrationError:
                continue
            except Exception as error:
                escaped.add(type(error).__name__)
        gc.collect()
    assert (escaped, leaks) == (set(), [])
