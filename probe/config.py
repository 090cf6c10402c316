"""Settings: from options, the environment (prefix MEMPROBE_), .env, secrets or a TOML file (sources.py)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from probe.sources import PREFIX, Sources, below


class Settings(BaseSettings):
    """Every setting with its default. Limits hold for one request of the service."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore")

    home: Path = Field(
        default=Path.home() / ".memprobe", description="where calibrations and cached statistics are kept"
    )
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    target: str | None = Field(default=None, description="hub id or folder; the embedded pair where none is named")
    reference: str | None = None
    calibration: str | None = None
    name: str | None = Field(default=None, description="the id under which the service offers the model")
    placebo: str | None = Field(
        default=None, description="hub id or folder of a model that saw none of the texts, for calibrations over HTTP"
    )
    shadows: Path | None = Field(
        default=None, description="a folder of memprobe shadow train, for the scores that need shadow models"
    )
    prefix: Path | None = Field(default=None, description="a file of known non-members, for recall and conrecall")
    member_prefix: Path | None = Field(default=None, description="a file of known members, for conrecall")
    corpus: str | None = Field(
        default=None, description="a folder of `memprobe corpus build` or http://HOST/#INDEX of an infini-gram server"
    )
    key_passphrase: SecretStr | None = Field(default=None, description="of the private key that signs bundles")
    neighbours: str | None = Field(
        default=None, description="masked or causal model that proposes words, for neighbour and spv"
    )
    engine: Literal["local", "vllm"] = Field(default="local", description="what runs the models")
    vllm_options: dict[str, Any] = Field(
        default={}, description="JSON for vllm.LLM: tensor_parallel_size, quantization ..."
    )
    dtype: str | None = None
    device_map: str | None = None
    batch_tokens: int | None = Field(default=None, gt=0, description="padded tokens per forward pass")
    tokenizer: str | None = Field(default=None, description="of a remote target, where its own id does not name it")
    remote_key: SecretStr | None = Field(default=None, description="bearer key of remote servers")
    remote_concurrency: int = Field(default=16, gt=0, description="requests to a remote server at once")
    cache_bytes: int = Field(default=1 << 30, ge=0, description="disk for token statistics; 0 keeps none")
    cache_days: float = Field(
        default=30.0, ge=0, description="after which statistics that nobody used are deleted; 0 keeps them"
    )
    retention_days: float = Field(
        default=0.0,
        ge=0,
        description="after which uploads and scans that rest are deleted; 0 keeps them",
    )
    database_url: str | None = Field(
        default=None, description="of batch scans: sqlite:///PATH or postgresql+psycopg://...; a file in home otherwise"
    )
    store: str | None = Field(
        default=None, description="of uploads and results: a folder, s3://... or another URL; in home otherwise"
    )
    scan_prefixes: list[str] = Field(
        default=[], description="JSON list of URL or path prefixes that batches over HTTP may read beside uploads"
    )
    scan_workers: int = Field(default=1, ge=0, le=1, description="0: this service scores no batches, workers do")
    lease_seconds: float = Field(default=60.0, gt=0, description="after which a silent worker's shard is taken over")
    keys: Path | None = Field(default=None, description="file of the keys that the service asks for; in home otherwise")
    key_rate: str = Field(default="600/minute", description="requests of a key that has no rate of its own")
    key_budget: str = Field(default="", description="tokens of a key that has no budget of its own: 5000000/day")
    quota_storage: str = Field(
        default="memory://", description="where requests and tokens are counted; redis://... for several services"
    )
    allowed_hosts: list[str] = Field(
        default=[], description="JSON list of names, without port, under which the service is asked"
    )
    allowed_origins: list[str] = Field(
        default=[], description="JSON list of sites (https://...) whose pages may ask the service"
    )
    max_upload_bytes: int = Field(default=10 << 30, gt=0)
    owner_bytes: int = Field(default=10**11, ge=0, description="of all uploads that an owner keeps; 0 for no limit")
    max_body_bytes: int = Field(default=8_000_000, gt=0)
    max_texts: int = Field(default=256, gt=0)
    max_tokens: int = Field(default=16_384, gt=1, description="tokens per text")
    max_request_tokens: int = Field(default=65_536, gt=1, description="tokens of all texts of a request")
    reporting: Literal["texts", "aggregate"] = Field(
        default="texts",
        description="aggregate: the service tells noised figures of groups, and nothing of single texts",
    )
    cohort: int = Field(default=50, ge=2, description="texts that a group must hold at least")
    epsilon: Decimal = Field(default=Decimal(1), gt=0, decimal_places=6, description="what a report costs")
    budget: Decimal = Field(
        default=Decimal(8), gt=0, decimal_places=6,
        description="epsilon of all reports on a target together, and of all on the same group",
    )  # fmt: skip
    clip: tuple[float, float] = Field(
        default=(0.0, 10.0), description="JSON: nats per token to which a group's losses are clipped"
    )
    queue_depth: int = Field(default=64, gt=0, description="requests that may wait")
    request_seconds: float = Field(default=300.0, gt=0, description="from the end of a request to its answer's begin")
    grace_seconds: int = Field(
        default=10, ge=0, description="for open requests, then the job that runs, once the service is told to end"
    )
    header_seconds: float = Field(default=10.0, gt=0, description="within which a request's headers must be there")
    header_bytes: int = Field(default=16_384, ge=1024, description="of the request line and all headers together")
    body_seconds: float = Field(default=20.0, gt=0, description="for a body, or until an answer is taken")
    body_rate: int = Field(default=1024, gt=0, description="bytes that buy a body or an answer a second more")
    keep_alive_seconds: int = Field(default=5, ge=0, description="for which an idle connection stays open")
    connections: int = Field(default=2048, gt=0, description="at once; beyond them requests are answered with 429")
    backlog: int = Field(default=2048, gt=0, description="connections that the system holds until they are accepted")
    log_format: Literal["json", "text"] | None = Field(
        default=None, description="of records on stderr; text on a terminal, else json"
    )

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource, dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> Sources:  # fmt: skip
        """Returns what is asked for a setting, one after the other. Raises SettingsError."""
        return (init_settings, env_settings, dotenv_settings, *below(settings_cls))

    @property
    def cache(self) -> Path:
        return self.home / "cache.sqlite"

    @property
    def calibrations(self) -> Path:
        return self.home / "calibrations"

    @property
    def frequencies(self) -> Path:
        return self.home / "frequencies"
