"""The only reader of the environment. Every field is TRAINYARD_<NAME>; docs/settings.md lists them all."""

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared import redis_url
from shared.errors import Problem, TrainyardError
from shared.wrong_values import in_words


class SettingsInvalid(TrainyardError):
    """The environment holds values that cannot be used; problems lists them all."""

    code = "settings_invalid"

    def __init__(self, problems: list[Problem]):
        lines = [f"  TRAINYARD_{p.field.upper()}: {p.message}" for p in problems]
        super().__init__("settings that cannot be used:\n" + "\n".join(lines))
        self.problems = problems


class Settings(BaseSettings):
    """One object per process, made by load_settings() and handed down; functions take the values they need."""

    model_config = SettingsConfigDict(env_prefix="TRAINYARD_", extra="ignore", frozen=True, hide_input_in_errors=True)

    # where things are
    redis_url: str = Field("redis://127.0.0.1:6379/0", description="Job records and events. Redis 7.2+ or Valkey 8+.")
    broker_url: str = Field("", description="Redis for Celery's wake-ups. Empty: the one of redis_url.")
    data: Path = Field(Path(".trainyard/data"), description="The shared volume: datasets, jobs, models.")
    key_prefix: str = Field("trainyard", pattern=r"^[a-z0-9_-]{1,40}$", description="First part of every Redis key.")

    # web
    host: str = Field("127.0.0.1", description="Address the web server binds.")
    port: int = Field(8000, ge=0, le=65535, description="Port of the web server.")
    url: str = Field("", description="Server the command line talks to. Empty: the one on this machine.")
    web_threads: int = Field(64, ge=4, le=1024, description="Threads of the web server; each waiting reader holds one.")
    max_upload_bytes: int = Field(2 * 1024**3, ge=1, description="Largest dataset upload.")
    max_base_bytes: int = Field(64 * 1024**3, ge=1, description="Largest upload of a base model.")
    max_unpacked_bytes: int = Field(8 * 1024**3, ge=1, description="Largest sum of a zip's files once unpacked.")
    max_files: int = Field(200_000, ge=1, description="Most files in one dataset.")
    max_body_bytes: int = Field(1024**2, ge=1024, description="Largest JSON body.")
    max_queued: int = Field(100_000, ge=1, description="Most jobs waiting per queue.")
    max_queued_per_owner: int = Field(20_000, ge=1, description="Most jobs one owner may have waiting.")
    max_running_per_owner: int = Field(1_000, ge=1, description="Most jobs of one owner that run at a time.")
    idempotency_ttl_s: int = Field(86_400, ge=60, description="How long an Idempotency-Key is remembered.")
    retention_s: int = Field(
        90 * 86_400, ge=60, description="How long an ended job is kept; its files longer while a model is made of them."
    )

    # who may
    login: bool = Field(False, description="Ask everyone for an API key. Needed to listen beyond this machine.")
    session_ttl_s: int = Field(
        7 * 86_400,
        ge=60,
        description="How long a browser stays signed in after its last use; four times as long at most.",
    )
    hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Names by which the web is reached, by comma. Empty: any with a login, this machine's without."
    )
    proxies: int = Field(
        0, ge=0, le=5, description="Reverse proxies in front whose X-Forwarded headers are believed. Needs a login."
    )
    changes_per_minute: int = Field(6_000, ge=1, description="Most submissions, uploads and changes of one owner.")
    reads_per_minute: int = Field(60_000, ge=1, description="Most reading requests of one owner.")
    wrong_keys_per_minute: int = Field(30, ge=1, description="Most wrong API keys from one address.")
    max_dataset_bytes_per_owner: int = Field(
        100 * 1024**3, ge=1, description="Most bytes of datasets and base models one owner may keep."
    )
    max_job_bytes_per_owner: int = Field(
        1024**4, ge=1, description="Most bytes of checkpoints and artifacts an owner may keep and still submit."
    )
    openai_wait_s: float = Field(
        55,
        ge=1,
        le=600,
        description="How long a request under /v1 waits for its job. Below what a proxy in front waits, 60 s with many.",
    )
    api_key: SecretStr = Field(SecretStr(""), description="The command line's API key.")

    # worker
    queues: Annotated[tuple[str, ...], NoDecode] = Field(
        ("train", "generate"), description="Queues this worker serves, by comma."
    )
    device: str = Field("auto", description="auto (a free GPU, else the CPU), cpu, or a GPU's UUID or index.")
    cpu_threads: int = Field(0, ge=0, description="Threads of a CPU slot; 0: all cores, divided by cpu_slots.")
    cpu_slots: int = Field(1, ge=1, description="How many training workers share this machine's cores.")
    lease_s: float = Field(30, gt=0, description="A job whose worker is silent this long is given to another.")
    beat_s: float = Field(5, gt=0, description="How often a running job renews its lease and reports.")
    reap_interval_s: float = Field(2, gt=0, description="Pause between two passes of the reaper.")
    stop_grace_s: float = Field(
        20, gt=0, description="From a stop (cancel, pause, drain) to SIGKILL, if the process does not end by itself."
    )
    hang_factor: float = Field(50, ge=5, description="A step this many times slower than the median counts as hung.")
    hang_floor_s: float = Field(600, gt=0, description="Nothing is called hung before this many seconds of silence.")
    checkpoint_interval_s: float = Field(60, gt=0, description="Longest time between two checkpoints of a training.")
    keep_checkpoints: int = Field(3, ge=1, description="Newest checkpoints kept, beside the best one.")
    max_cache_bytes: int = Field(
        8 * 1024**3,
        ge=0,
        description="Most bytes of prepared data (tokens, decoded pictures) one training keeps on the volume.",
    )
    max_cache_total_bytes: int = Field(
        64 * 1024**3,
        ge=0,
        description="Most bytes of prepared data the volume keeps, over all datasets: what was used longest ago goes first.",
    )
    spare: bool = Field(True, description="Keep one process with TensorFlow imported ready for the next job.")
    warm_models: int = Field(4, ge=0, description="Models a generator keeps loaded.")
    events_kept: int = Field(2_000, ge=100, description="Newest events kept per job.")

    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="Level of the log.")

    @field_validator("queues", mode="before")
    @classmethod
    def _split_queues(cls, value: object) -> object:
        if isinstance(value, str):
            value = tuple(part.strip() for part in value.split(",") if part.strip())
        unknown = [q for q in value if q not in ("train", "generate")] if isinstance(value, tuple | list) else []
        if unknown or not value:
            raise ValueError(f"{', '.join(unknown) or 'nothing'}: known queues are train and generate")
        return value

    @field_validator("redis_url", "broker_url")
    @classmethod
    def _is_redis_url(cls, value: str, info: ValidationInfo) -> str:
        if value or info.field_name != "broker_url":
            redis_url.check(value)
        return value

    @field_validator("data", mode="before")
    @classmethod
    def _is_a_folder(cls, value: object) -> object:
        """A ~ that no shell has expanded is this user's home; an empty value is not the folder one happens to be in."""
        if isinstance(value, str) and not value.strip():
            raise ValueError("is empty: give the path of a folder, /srv/trainyard for one")
        try:
            return Path(str(value)).expanduser()
        except RuntimeError as err:  # ~somebody
            raise ValueError(f"{str(value)!r:.80}: there is no such user here; write the whole path") from err

    @field_validator("hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip().lower() for part in value.split(",") if part.strip())
        return value

    @model_validator(mode="after")
    def _beat_within_lease(self) -> "Settings":
        if self.beat_s * 2 > self.lease_s:
            raise ValueError(f"beat_s {self.beat_s:g} must be at most half of lease_s {self.lease_s:g}")
        return self

    @property
    def on_loopback(self) -> bool:
        """True when the web is reached from this machine only."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:  # a name; only this one is known to stay here
            return self.host == "localhost"

    def refuse_open_door(self) -> None:
        """Raise SettingsInvalid when the web would be reached from beyond this machine and ask nobody who they are."""
        if not (self.login or self.on_loopback):
            message = (
                f"{self.host or 'every address'} is reached from other machines: set TRAINYARD_LOGIN=true and make a key with "
                "`trainyard keys create --owner NAME --scope admin`, or listen on 127.0.0.1"
            )
            raise SettingsInvalid([Problem(field="host", message=message)])
        if self.proxies and not self.login:
            message = (
                f"{self.proxies} in front means that others come through it, and nobody is asked who they are: set "
                "TRAINYARD_LOGIN=true and make a key with `trainyard keys create --owner NAME --scope admin`"
            )
            raise SettingsInvalid([Problem(field="proxies", message=message)])

    @property
    def celery_url(self) -> str:
        """The URL of the Redis that holds Celery's wake-ups."""
        return self.broker_url or self.redis_url


def _words(error: Mapping[str, Any]) -> str:
    """Never with the value: it may be a password."""
    return in_words({**error, "input": {}})


def load_settings(**overrides: object) -> Settings:
    """Read the environment. Raises SettingsInvalid naming every bad value at once."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as err:
        problems = [Problem(field=".".join(map(str, e["loc"])) or "beat_s", message=_words(e)) for e in err.errors()]
        raise SettingsInvalid(problems) from err
