"""Over HTTP nobody reaches another model, file or name than those that are offered, whatever is sent."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from probe.calibration.store import dump
from probe.config import Settings
from probe.pipeline import Probe
from probe.provenance.record import Sources
from probe.scans.opening import open_desk
from probe.scans.worker import Worker
from server.app import create_app
from tests.models.test_malice import Trap
from tests.serving import local

ROW = b'{"text": "The value is returned as it stands."}\n'


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    """A folder that batches may read, beside a secret that they may not."""
    (tmp_path / "allowed").mkdir()
    (tmp_path / "secret.jsonl").write_bytes(ROW)
    return tmp_path / "allowed"


@pytest.fixture
def settings(tmp_path: Path, allowed: Path) -> Settings:
    prefixes = [str(allowed), f"hf:{allowed}"]
    return Settings(home=tmp_path / "home", scan_prefixes=prefixes, scan_workers=0, max_body_bytes=40_000_000)


@pytest.fixture
def client(settings: Settings, demo: Probe) -> Iterator[TestClient]:
    app = create_app(settings, lambda _: {"demo": Probe.of(demo.setup, demo.calibration)})
    with local(app, raised=False) as opened:
        yield opened


def refusal(answer: Any, *statuses: int) -> str:
    assert answer.status_code in statuses, answer.text
    return str(answer.json()["error"]["message"])


@pytest.mark.parametrize("name", ["/models/x", "../x", "org/model", "http://127.0.0.1:1/v1", "demo\0", "~/x", ""])
def test_no_other_model_than_those_that_are_served(client: TestClient, tmp_path: Path, name: str) -> None:
    """Not even a folder that is there, and would be refused if it were looked at."""
    trap = Trap(tmp_path)
    trap.save(tmp_path / "model" / "pytorch_model.bin")
    form = {"file": ("a.txt", b"A text of some length.")}
    for model in (name, str(tmp_path / "model")):
        texts = {"model": model, "nonmembers": ["x"], "members": ["y"], "name": "mine"}
        for answer in (
            client.post("/v1/probe", json={"model": model, "input": "x"}),
            client.post("/v1/batches", json={"metadata": {"model": model, "url": "x"}}) if model else None,
            client.post("/v1/calibrations", json=texts),
            client.post("/v1/calibrations", json={**texts, "model": "demo", "placebo": model}) if model else None,
            client.post("/v1/evaluations", json={key: texts[key] for key in ("model", "members", "nonmembers")}),
            client.post("/v1/documents", files=form, data={"model": model}),
            client.post("/v1/pii", json={"model": model, "input": "x"}),
        ):
            assert answer is None or answer.status_code in (404, 422), answer.text
    assert not trap.sprung.exists()


def batch(client: TestClient, **metadata: str) -> Any:
    return client.post("/v1/batches", json={"metadata": {"model": "demo", **metadata}})


def test_what_lies_under_a_prefix_and_what_only_seems_to(client: TestClient, allowed: Path) -> None:
    (allowed / "mine.jsonl").write_bytes(ROW)
    assert batch(client, url=str(allowed / "mine.jsonl")).status_code == 200
    (allowed / "link.jsonl").symlink_to(allowed.parent / "secret.jsonl")
    (allowed / "up").symlink_to(allowed.parent, target_is_directory=True)
    (allowed / "circle").symlink_to(allowed / "circle")
    (allowed / "set").mkdir()
    (allowed / "set" / "train.jsonl").symlink_to(allowed.parent / "secret.jsonl")
    for place in (
        f"{allowed}/link.jsonl", f"{allowed}/up/secret.jsonl", f"{allowed}/../secret.jsonl", f"{allowed}/circle",
        f"{allowed}-2/x.jsonl", str(allowed.parent / "secret.jsonl"), f"file://{allowed}/%2e%2e/secret.jsonl",
        f"{allowed}/x\0.jsonl", f"simplecache::file://{allowed}/link.jsonl", "/proc/self/environ", "~/.bashrc",
    ):  # fmt: skip
        assert "This service may read" in refusal(batch(client, url=place), 422), place
    for place in (f"hf:{allowed}/up:train", f"hf:{allowed}/set:train", f"hf:{allowed}/../x:train", "hf:/etc:train"):
        assert "This service may read" in refusal(batch(client, dataset=place), 422), place


@pytest.mark.parametrize("what", ["path", "upload"])
def test_a_link_that_is_put_there_afterwards(
    client: TestClient, settings: Settings, demo: Probe, allowed: Path, what: str
) -> None:
    """Between the request and the moment in which a worker reads."""
    if what == "path":
        place = allowed / "mine.jsonl"
        place.write_bytes(ROW)
        name = batch(client, url=str(place)).json()["id"]
    else:
        form = {"files": {"file": ("a.jsonl", ROW)}, "data": {"purpose": "batch"}}
        file = client.post("/v1/files", **form).json()["id"]  # type: ignore[arg-type]
        name = client.post("/v1/batches", json={"input_file_id": file, "metadata": {"model": "demo"}}).json()["id"]
        (place,) = (settings.home / "store" / "files" / file).iterdir()
    place.unlink()
    place.symlink_to(allowed.parent / "secret.jsonl")
    desk = open_desk(settings)
    Worker(desk.ledger, desk.store, ["demo"], lambda *_: demo, lambda _: Sources()).run(until_idle=True)
    found = client.get(f"/v1/batches/{name}").json()
    assert found["status"] == "failed" and "leads out of what may be read" in found["errors"]["data"][0]["message"]
    if what == "upload":
        answer = client.get(f"/v1/files/{file}/content")
        assert "leads out of the store" in refusal(answer, 500)


@pytest.mark.parametrize(
    "name",
    ["../../../x.jsonl", "/etc/passwd", "..\\..\\x.jsonl", "a\0b.jsonl", "..", "", "x" * 5000, "a/../b", "\u202ea"],
)  # fmt: skip
def test_names_of_uploads_lead_nowhere(client: TestClient, settings: Settings, name: str) -> None:
    before = {path for path in settings.home.parent.rglob("*") if settings.home not in path.parents}
    body = (
        f'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--b\r\nContent-Disposition: form-data; '
        f'name="file"; filename="{name}"\r\n\r\n'
    ).encode() + ROW + b"\r\n--b--\r\n"  # fmt: skip
    answer = client.post("/v1/files", content=body, headers={"content-type": "multipart/form-data; boundary=b"})
    assert answer.status_code in (200, 400, 422), answer.text
    if answer.status_code == 200:
        found = answer.json()
        assert client.get(f"/v1/files/{found['id']}/content").content == ROW
        (stored,) = (settings.home / "store" / "files" / found["id"]).iterdir()
        assert stored.name in ("file", "file.jsonl") and len(found["filename"]) <= 255
    document = client.post("/v1/documents", files={"file": (f"{name}.txt", ROW)}, data={"model": "demo"})
    assert document.status_code in (202, 400, 422)
    if document.status_code == 202:
        assert "/" not in document.json()["name"]
    assert {path for path in settings.home.parent.rglob("*") if settings.home not in path.parents} == before


def packed(**entries: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def array(shape: tuple[int, ...], kind: str = "<f8", content: bytes = b"") -> bytes:
    """The bytes of an array that claims this shape."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": shape})
    return file.getvalue() + content


def test_calibrations_that_mean_harm(client: TestClient, settings: Settings, tmp_path: Path) -> None:
    trap = Trap(tmp_path)
    good = dump("demo", settings.calibrations)
    objects = io.BytesIO()
    np.save(objects, np.array([trap], dtype=object), allow_pickle=True)
    header = io.BytesIO()
    np.save(header, np.array(json.dumps({"name": "x"})))
    every: dict[str, Callable[[], bytes]] = {
        "damaged|BadZipFile": lambda: pickle.dumps(trap), "objects": lambda: packed(header=objects.getvalue()),
        "holds objects": lambda: packed(header=header.getvalue(), nonmembers=array((1,), "|O", pickle.dumps(trap))),
        "size that it claims": lambda: packed(header=array((10**13,))),
        "size that it claims|negative": lambda: packed(header=header.getvalue(), members=array((-1,))),
        "unpacks to": lambda: packed(a=array((40_000_000,), "<f8", bytes(320_000_000))),
        "unpacks to 0 bytes in 10,001": lambda: packed(**{f"a{n}": b"" for n in range(10_001)}),
        "another version": lambda: packed(header=b"\x93NUMPY\x03\x00" + array((1,))[8:] + bytes(8)),
        "header|ValueError|claims": lambda: packed(header=b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535),
        "KeyError": lambda: packed(header=header.getvalue()),
        "BadZipFile|EOFError|error": lambda: good[: len(good) // 2],
    }  # fmt: skip
    for said, content in every.items():
        answer = client.put("/v1/calibrations/mine", content=content())
        message = refusal(answer, 422)
        assert "is no calibration of this version" in message, message
        assert any(word in message for word in said.split("|")), (said, message)
        assert not trap.sprung.exists()
    for name in ("..%2fx", "%2e%2e", "a%00b", "a%20b", ".hidden"):
        answer = client.put(f"/v1/calibrations/{name}", content=good)
        assert answer.status_code in (404, 405, 422), (name, answer.text)
    assert not settings.calibrations.exists()
    assert client.put("/v1/calibrations/mine", content=good).status_code == 201
    assert [path.name for path in settings.calibrations.iterdir()] == ["mine.npz"]
