"""Settings from options, environment, secrets and file: which wins, what is told of them, and what is not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import SettingsError
from typer.testing import CliRunner

from probe.cli import app
from probe.config import Settings
from probe.configuration import MASK, configured, masked
from probe.sources import BESIDE, unknown

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In an empty folder, without what the environment says."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("MEMPROBE_")]:
        monkeypatch.delenv(name)


def told(**options: Any) -> dict[str, tuple[Any, str]]:
    return {one.name: (one.value, one.origin) for one in configured(options)}


def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> Path:
    path = tmp_path / "memprobe.toml"
    path.write_text(text)
    monkeypatch.setenv("MEMPROBE_CONFIG", str(path))
    return path


def test_the_nearest_source_wins_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("host", "name", "dtype", "target", "reference", "calibration")
    path = file(tmp_path, monkeypatch, "".join(f'{name} = "file"\n' for name in names[1:]))
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in names[2:]:
        (secrets / f"memprobe_{name}").write_text("secret\n")
    monkeypatch.setenv("MEMPROBE_SECRETS", str(secrets))
    (tmp_path / ".env").write_text("".join(f"MEMPROBE_{name.upper()}=dotenv\n" for name in names[3:]))
    for name in names[4:]:
        monkeypatch.setenv(f"MEMPROBE_{name.upper()}", "environment")
    found = told(calibration="option")
    assert [found[name] for name in names] == [
        ("127.0.0.1", "default"), ("file", str(path)), ("secret", str(secrets)), ("dotenv", ".env"),
        ("environment", "MEMPROBE_REFERENCE"), ("option", "option"),
    ]  # fmt: skip
    settings = Settings(calibration="option")
    assert [getattr(settings, name) for name in names] == [found[name][0] for name in names]


def test_a_file_holds_what_the_environment_holds_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'port = 9000\nscan_prefixes = ["s3://a/"]\nclip = [1, 7]\nbudget = 2.5\n[vllm_options]\nseed = 1\n'
    file(tmp_path, monkeypatch, text)
    settings = Settings()
    assert (settings.port, settings.scan_prefixes, settings.clip) == (9000, ["s3://a/"], (1, 7))
    assert settings.vllm_options == {"seed": 1} and str(settings.budget) == "2.5"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('traget = "x"\n', "memprobe.toml: traget is no setting; did you mean target?"),
        ("[server]\nport = 1\n", "server is no setting"),
        ("zzz = 1\n", "zzz is no setting; `memprobe config` lists"),
        ("target =\n", "is no TOML"),
        (None, "there is no file"),
    ],
)
def test_a_file_that_is_wrong_ends_it_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, said: str
) -> None:
    path = file(tmp_path, monkeypatch, text or "")
    if text is None:
        path.unlink()
    with pytest.raises(SettingsError, match=re.escape(said)):
        Settings()


def test_a_folder_of_secrets_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMPROBE_SECRETS", "/nowhere")
    with pytest.raises(SettingsError, match="MEMPROBE_SECRETS: there is no folder /nowhere"):
        Settings()


def test_names_that_are_no_settings_are_told_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMPROBE_TRAGET", "x")
    monkeypatch.setenv("MEMPROBE_KERNEL", "off")
    monkeypatch.setenv("MEMPROBE_PORT", "1")
    assert unknown(Settings) == ["MEMPROBE_TRAGET is no setting; did you mean MEMPROBE_TARGET?"]


def test_they_are_told_of_dotenv_and_secrets_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text(
        "MEMPROBE_KEY_BUGDET=5/day\nMEMPROBE_CONFIG=x\nMEMPROBE_PORT=1\nOTHER=1\nMEMPROBE_TRAGET=\n"
    )
    (secrets := tmp_path / "secrets").mkdir()
    for name in ("memprobe_remote_kye", "memprobe_database_url", "postgres_password"):
        (secrets / name).write_text("zyzzyva-marker")
    monkeypatch.setenv("MEMPROBE_SECRETS", str(secrets))
    assert unknown(Settings) == [
        ".env: MEMPROBE_CONFIG is read from the environment only",
        ".env: MEMPROBE_KEY_BUGDET is no setting; did you mean MEMPROBE_KEY_BUDGET?",
        ".env: MEMPROBE_TRAGET is no setting; did you mean MEMPROBE_TARGET?",
        f"{secrets}: memprobe_remote_kye is no setting; did you mean MEMPROBE_REMOTE_KEY?",
    ]


@pytest.mark.parametrize("place", ["environment", ".env", "secrets", "file"])
def test_an_empty_setting_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """It neither takes a limit away nor names this folder, and what comes after it holds."""
    names = ("key_rate", "home", "target", "port", "scan_prefixes")
    if place == "environment":
        for name in names:
            monkeypatch.setenv(f"MEMPROBE_{name.upper()}", "")
    elif place == ".env":
        (tmp_path / ".env").write_text("".join(f"MEMPROBE_{name.upper()}=\n" for name in names))
    elif place == "secrets":
        (secrets := tmp_path / "secrets").mkdir()
        for name in names:
            (secrets / f"memprobe_{name}").write_text("\n")
        monkeypatch.setenv("MEMPROBE_SECRETS", str(secrets))
    rows = [f'{name} = ""' for name in names] if place == "file" else ["port = 81"]
    file(tmp_path, monkeypatch, "\n".join(rows))
    found, default = Settings(), Settings.model_fields
    assert [getattr(found, name) for name in names if name != "port"] == [
        default[name].default for name in names if name != "port"
    ]
    assert found.port == (8000 if place == "file" else 81) and told()["key_rate"] == ("600/minute", "default")


@pytest.mark.parametrize(
    "command", [["serve", "--host", "0.0.0.0", "--port", "0"], ["worker", "--target", "/nowhere", "--once"]]
)  # the first has no key, the second no model: they end before any is loaded
def test_what_serves_tells_of_names_that_are_no_settings(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMPROBE_HOME", str(tmp_path))
    (tmp_path / ".env").write_text("MEMPROBE_KEY_BUGDET=5/day\n")
    found = CliRunner().invoke(app, command)
    assert found.exception and "MEMPROBE_KEY_BUGDET is no setting; did you mean MEMPROBE_KEY_BUDGET?" in found.stderr


def test_what_stands_beside_the_settings_is_what_the_code_reads() -> None:
    sources = [path for package in ("probe", "server") for path in (ROOT / package).rglob("*.py")]
    read = {name for path in sources for name in re.findall(r'"(MEMPROBE_[A-Z_]+)"', path.read_text())}
    assert read == BESIDE.keys()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("postgresql+psycopg://me:pa@ss:w/rd@host/db", f"postgresql+psycopg://me:{MASK}@host/db"),
        ("postgresql://host/db?user=me&password=secret&x=1", f"postgresql://host/db?user=me&password={MASK}&x=1"),
        ("s3://key:secret@bucket/path", f"s3://key:{MASK}@bucket/path"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("https://token@host/v1", f"https://{MASK}@host/v1"), ("redis://secret@host:6379/0", f"redis://{MASK}@host:6379/0"),
        ("http://host:8001/v1#org/model@main", "http://host:8001/v1#org/model@main"),
        (["https://a:b@c/", "s3://x"], [f"https://a:{MASK}@c/", "s3://x"]),
        ({"hf_token": "x", "max_num_batched_tokens": 1}, {"hf_token": MASK, "max_num_batched_tokens": 1}),
        (None, None), (True, True), (1.5, 1.5),
    ],
)  # fmt: skip
def test_secrets_are_masked(value: Any, shown: Any) -> None:
    assert masked(value) == shown


def test_the_command_prints_all_and_no_secret(tmp_path: Path) -> None:
    secret = "zyzzyva-marker"
    environment = os.environ | {
        "MEMPROBE_REMOTE_KEY": secret, "MEMPROBE_KEY_PASSPHRASE": secret, "MEMPROBE_TRAGET": "x",
        "MEMPROBE_DATABASE_URL": f"postgresql://me:{secret}@host/db",
    }  # fmt: skip

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "probe", "config", "--port", "81", *options]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, env=environment, cwd=tmp_path, timeout=60
        )

    done = run()
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert lines.keys() == Settings.model_fields.keys()
    assert lines["port"] == "81  (option)" and lines["remote_key"] == f"{MASK}  (MEMPROBE_REMOTE_KEY)"
    assert lines["queue_depth"] == "64  (default)"
    found = json.loads(run("--json").stdout)
    settings = {one["name"]: one for one in found["settings"]}
    assert settings["port"]["value"] == 81 and settings["queue_depth"]["description"]
    assert found["unknown"] == [done.stderr.strip().removeprefix("memprobe: ")]
    assert secret not in done.stdout + done.stderr + json.dumps(found)
