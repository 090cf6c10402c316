"""Dockerfile, compose.yaml and the guide's systemd unit name what there is; no daemon is asked."""

from __future__ import annotations

import re
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from probe.config import Settings
from probe.sources import BESIDE

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
GUIDE = (ROOT / "docs" / "guide.md").read_text()
(UNIT,) = re.findall(r"```ini\n(.*?)```", GUIDE, re.DOTALL)
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
STAGES = re.findall(r"^FROM \S+ AS (\S+)", DOCKERFILE, re.MULTILINE)


def known(name: str) -> bool:
    return name in BESIDE or name.removeprefix("MEMPROBE_").lower() in Settings.model_fields


@pytest.mark.parametrize(
    "text", [DOCKERFILE, (ROOT / "compose.yaml").read_text(), UNIT], ids=["image", "compose", "unit"]
)
def test_every_variable_is_a_setting(text: str) -> None:
    named = set(re.findall(r"MEMPROBE_[A-Z_]+", text))
    assert named and not [name for name in named if not known(name)]
    assert not known("MEMPROBE_TRAGET")


def test_every_value_is_one_that_the_settings_take(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As the container has them: those of the image, then those of compose."""
    monkeypatch.chdir(tmp_path)
    image = dict(re.findall(r"(MEMPROBE_[A-Z_]+)=(\S+)", DOCKERFILE.split("AS service", 1)[1]))
    for name in ("memprobe", "worker"):
        secrets = tmp_path / name
        secrets.mkdir()
        for secret in SERVICES[name]["secrets"]:
            (secrets / secret).write_text("postgresql+psycopg://memprobe:x@postgres/memprobe\n")
        for key, value in (image | SERVICES[name]["environment"] | {"MEMPROBE_SECRETS": str(secrets)}).items():
            monkeypatch.setenv(key, value)
        settings = Settings()
        assert settings.database_url == "postgresql+psycopg://memprobe:x@postgres/memprobe"
        assert (settings.target, settings.home) == ("http://vllm:8000/v1", Path("/data"))
        assert settings.grace_seconds + 20 < float(SERVICES[name]["stop_grace_period"].removesuffix("s"))
    assert image["MEMPROBE_PORT"] in DOCKERFILE.split("EXPOSE", 1)[1]


def test_compose_names_what_it_declares() -> None:
    declared = COMPOSE["secrets"], COMPOSE["volumes"]
    for name, service in SERVICES.items():
        assert set(service.get("secrets", [])) <= declared[0].keys(), name
        assert {one.split(":")[0] for one in service.get("volumes", [])} <= declared[1].keys(), name
        for other, waits in service.get("depends_on", {}).items():
            assert waits == {"condition": "service_healthy"} and "test" in SERVICES[other]["healthcheck"], (name, other)
        assert service["healthcheck"].get("disable") or service["healthcheck"]["test"][0] == "CMD", name
        if "build" in service:
            assert service["build"]["target"] in STAGES, name
        assert re.search(r":[\d.]+$", service["image"]), f"{name}: an image without a version"
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
    assert STAGES[-1] == "service", "docker build . makes the last stage"
    assert all(one["file"].startswith("secrets/") for one in declared[0].values())
    assert "secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def test_secrets_come_from_files() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert not re.search("PASSWORD|KEY|TOKEN|URL", name) or str(value).startswith("/run/secrets/"), name
    assert SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD_FILE"] == "/run/secrets/postgres_password"


def test_the_image_holds_what_is_copied_and_its_context_all_of_that() -> None:
    copied = {name for line in re.findall(r"^COPY (.*) \S+$", DOCKERFILE, re.MULTILINE) for name in line.split()}
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == allowed and all((ROOT / name).exists() for name in copied)
    assert "USER 1000" in DOCKERFILE and "/readyz" in DOCKERFILE and 'CMD ["memprobe", "serve"]' in DOCKERFILE


class Unit(RawConfigParser):
    def __init__(self) -> None:
        super().__init__(strict=False)  # Environment and SystemCallFilter may be repeated
        self.optionxform = str  # type: ignore[assignment, method-assign]


def test_the_unit_gives_the_end_its_time_and_confines_the_service() -> None:
    unit = Unit()
    unit.read_string(UNIT)
    service = unit["Service"]
    assert service["ExecStart"].endswith("/memprobe serve") and unit["Install"]["WantedBy"] == "multi-user.target"
    assert float(service["TimeoutStopSec"]) > Settings.model_fields["grace_seconds"].default + 20
    assert int(service["LimitNOFILE"]) > Settings.model_fields["connections"].default
    for name in ("NoNewPrivileges", "DynamicUser", "PrivateTmp", "ProtectHome", "RestrictSUIDSGID"):
        assert service[name] == "yes", name
    assert (service["ProtectSystem"], service["CapabilityBoundingSet"]) == ("strict", "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit_and_rates_it_well(tmp_path: Path) -> None:
    path = tmp_path / "memprobe.service"
    path.write_text(UNIT.replace("/usr/local/bin/memprobe serve", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", path]  # of 100, tenths of a point
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
